"""Training curves in the file format of DVCLive: `plots/metrics/<name>.tsv` with the columns `step` and the last part of the name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from laanet_core.store.writing import write_text
from laanet_core.training.log import LogRow


def write_curves(folder: Path, losses: Sequence[str], points: Sequence[Mapping[str, float]], rows: Sequence[LogRow]) -> None:
    """Write the curves under `folder`/plots/metrics.

    losses: names of the loss columns; points: mappings with `step`, each loss column and `learning_rate`, one line each in `train/*.tsv`;
    rows: finished epochs, one line each in `val/auc.tsv` and `val/loss.tsv`.
    """
    metrics = folder / "plots" / "metrics"
    for name in (*losses, "learning_rate"):
        _write(metrics / "train" / f"{name}.tsv", name, ((int(point["step"]), point[name]) for point in points))
    _write(metrics / "val" / "auc.tsv", "auc", ((row.step, row.val_auc) for row in rows))
    _write(metrics / "val" / "loss.tsv", "loss", ((row.step, row.val_loss) for row in rows))


def _write(path: Path, name: str, values: Iterable[tuple[int, float]]) -> None:
    write_text(path, "".join([f"step\t{name}\n", *(f"{step}\t{value!r}\n" for step, value in values)]))
