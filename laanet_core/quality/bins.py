"""The bins of Mask-SSIM that a data set's fakes are put into: chosen once, by the quality stage, and kept in a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np

from laanet_core.errors import LaanetError
from laanet_core.params import QualityParams
from laanet_core.store.csv_io import read_table, write_table

COLUMNS = ["bin", "low", "high", "n_fake"]
STEP = Decimal("0.001")
"""Of the edges of quantile bins."""


def bin_labels(edges: Sequence[float]) -> list[str]:
    """Names of the bins between ascending edges, such as `0.80-0.85`."""
    return [f"{_edge(low)}-{_edge(high)}" for low, high in pairwise(edges)]


def bin_label(value: float, edges: Sequence[float]) -> str:
    """Name of the bin [low, high) of a value, the last bin closed on both sides; empty outside all bins."""
    if not edges[0] <= value <= edges[-1]:
        return ""
    index = min(int(np.searchsorted(edges, value, side="right")) - 1, len(edges) - 2)
    return bin_labels(edges)[index]


def quantile_edges(values: Sequence[float], count: int) -> list[float]:
    """Ascending edges of `count` bins with equally many values each, to three decimals; [0, 1] of no values.

    The first edge is rounded down and the last one up, though not above 1, so that every value up to 1 is in a bin. Values that
    tie leave fewer bins.
    """
    if not len(values):
        return [0.0, 1.0]
    low, high = (Decimal(repr(float(value))) for value in (min(values), max(values)))
    first, last = float(low.quantize(STEP, ROUND_FLOOR)), min(1.0, float(high.quantize(STEP, ROUND_CEILING)))
    inner = np.quantile(values, np.linspace(0, 1, count + 1)[1:-1])
    edges = sorted({first, last, *(round(float(edge), 3) for edge in inner)})
    return edges if len(edges) > 1 else _around(first)


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


def _around(value: float) -> list[float]:
    """Edges of the one bin of a value that is an edge itself."""
    return [value, round(value + float(STEP), 3)] if value < 1 else [round(value - float(STEP), 3), value]


def _edge(value: float) -> str:
    """Two decimals where they are exact, else as many as it takes."""
    short = f"{value:.2f}"
    return short if float(short) == value else repr(float(value))
