"""The bins of Mask-SSIM that a data set's fakes are put into: chosen once, by the quality stage, and kept in a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from laanet_core.errors import LaanetError
from laanet_core.evaluation.bins import bin_label, bin_labels, quantile_edges
from laanet_core.params import QualityParams
from laanet_core.tables import read_table, write_table

COLUMNS = ["bin", "low", "high", "n_fake"]


def choose_edges(values: Sequence[float], params: QualityParams) -> list[float]:
    """Ascending edges: those of the parameters, or the quantiles of the Mask-SSIM of all measured fakes of a data set."""
    return params.bins if params.quantiles is None else quantile_edges(values, params.quantiles)


def write_edges(path: Path, edges: Sequence[float], values: Sequence[float]) -> None:
    """One row a bin, with the number of measured fakes in it."""
    counts = Counter(bin_label(value, edges) for value in values)
    rows = zip(bin_labels(edges), pairwise(edges), strict=True)
    write_table(path, COLUMNS, ({"bin": name, "low": low, "high": high, "n_fake": counts[name]} for name, (low, high) in rows))


def read_edges(path: Path) -> list[float]:
    """The edges that were written; raises LaanetError when the file is missing or holds none."""
    rows = read_table(path, COLUMNS)
    if not rows:
        raise LaanetError(f"{path}: has no bin; build it again with 'dvc repro'.")
    return [float(rows[0]["low"]), *(float(row["high"]) for row in rows)]
