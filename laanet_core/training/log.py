"""The training log: one row per epoch, and the metrics of the best epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from laanet_core.store.csv_io import write_table
from laanet_core.store.writing import write_json
from laanet_core.training.losses import TOTAL


@dataclass(frozen=True)
class LogRow:
    """One epoch (counted from 1).

    step: optimizer steps done; losses: mean training losses by column; learning_rate: that of the last step; val_loss, val_auc:
    validation by frame; unblended: pairs of the epoch whose blending mask was empty, so that their second image was real as well.
    """

    epoch: int
    step: int
    losses: dict[str, float]
    learning_rate: float
    val_loss: float
    val_auc: float
    unblended: int = 0


def better(row: LogRow, than: LogRow) -> bool:
    """Whether a row's validation AUC is higher, or equal with a lower validation loss."""
    return (row.val_auc, -row.val_loss) > (than.val_auc, -than.val_loss)


def write_log(path: Path, losses: Sequence[str], rows: Sequence[LogRow]) -> None:
    """Write the CSV that DVC plots read; losses: names of the loss columns."""
    columns = ["epoch", "step", *losses, "learning_rate", "val_loss", "val_auc", "unblended"]
    write_table(path, columns, ({name: row.losses[name] if name in losses else getattr(row, name) for name in columns} for row in rows))


def write_metrics(path: Path, best: LogRow, left_out: int) -> None:
    """Write the JSON that DVC metrics read: the best epoch and its values, and the number of train crops whose landmarks allow no blend."""
    metrics = {
        "best_epoch": best.epoch,
        "val_auc": best.val_auc,
        "val_loss": best.val_loss,
        "train_loss": best.losses[TOTAL],
        "crops_left_out": left_out,
    }
    write_json(path, metrics, indent=2)
