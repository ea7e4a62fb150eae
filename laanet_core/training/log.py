"""The training log: one row an epoch, and the best epoch's metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from laanet_core.store.csv_io import write_table
from laanet_core.store.writing import write_json


@dataclass(frozen=True)
class LogRow:
    """One epoch (from 1): optimizer steps done, mean training losses, last learning rate, frame-level validation.

    unblended: pairs of the epoch whose mask had nothing left, so that their second image was real, too.
    """

    epoch: int
    step: int
    loss: float
    loss_class: float
    loss_heatmap: float
    loss_consistency: float
    learning_rate: float
    val_loss: float
    val_auc: float
    unblended: int = 0


def better(row: LogRow, than: LogRow) -> bool:
    """Whether a row's validation AUC is higher, or equal with a lower validation loss."""
    return (row.val_auc, -row.val_loss) > (than.val_auc, -than.val_loss)


def write_log(path: Path, rows: Sequence[LogRow]) -> None:
    """Write the CSV that DVC plots read."""
    write_table(path, [column.name for column in fields(LogRow)], map(asdict, rows))


def write_metrics(path: Path, best: LogRow, left_out: int) -> None:
    """Write the JSON that DVC metrics read: the best epoch and its values, and the number of train crops whose landmarks allow no blend."""
    metrics = {
        "best_epoch": best.epoch,
        "val_auc": best.val_auc,
        "val_loss": best.val_loss,
        "train_loss": best.loss,
        "crops_left_out": left_out,
    }
    write_json(path, metrics, indent=2)
