"""Curves of a training in the files of DVCLive: `plots/metrics/<name>.tsv` with the columns `step` and the name's last part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from laanet_core.store.writing import write_text
from laanet_core.training.log import LogRow

TRAINING = ("loss", "loss_class", "loss_heatmap", "loss_consistency", "learning_rate")


def write_curves(folder: Path, points: Sequence[Sequence[float]], rows: Sequence[LogRow]) -> None:
    """Write `train/*.tsv`, a line a point (step, then TRAINING), and `val/{auc,loss}.tsv`, a line an epoch, under plots/metrics."""
    metrics = folder / "plots" / "metrics"
    for column, name in enumerate(TRAINING, start=1):
        _write(metrics / "train" / f"{name}.tsv", name, ((int(point[0]), point[column]) for point in points))
    _write(metrics / "val" / "auc.tsv", "auc", ((row.step, row.val_auc) for row in rows))
    _write(metrics / "val" / "loss.tsv", "loss", ((row.step, row.val_loss) for row in rows))


def _write(path: Path, name: str, values: Iterable[tuple[int, float]]) -> None:
    """One curve, whole or not at all."""
    write_text(path, "".join([f"step\t{name}\n", *(f"{step}\t{value!r}\n" for step, value in values)]))
