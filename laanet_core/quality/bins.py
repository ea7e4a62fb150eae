"""Mask-SSIM bins of a data set's fakes: chosen once, by the quality stage, and stored in a file."""

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
"""Resolution of the edges of quantile bins."""


def bin_labels(edges: Sequence[float]) -> list[str]:
    """Names of the bins between ascending edges, for example `0.80-0.85`."""
    return [f"{_format_edge(low)}-{_format_edge(high)}" for low, high in pairwise(edges)]


def bin_label(value: float, edges: Sequence[float]) -> str:
    """Name of the bin [low, high) that contains a value; the last bin includes its upper edge; empty outside all bins."""
    if not edges[0] <= value <= edges[-1]:
        return ""
    index = min(int(np.searchsorted(edges, value, side="right")) - 1, len(edges) - 2)
    return bin_labels(edges)[index]


def quantile_edges(values: Sequence[float], count: int) -> list[float]:
    """Ascending edges of `count` bins with equal numbers of values, rounded to three decimals; [0, 1] if there are no values.

    The first edge is rounded down and the last one up, but not above 1, so that every value up to 1 is in a bin. Tied values can
    result in fewer bins.
    """
    if not len(values):
        return [0.0, 1.0]
    low, high = (Decimal(repr(float(value))) for value in (min(values), max(values)))
    first, last = float(low.quantize(STEP, ROUND_FLOOR)), min(1.0, float(high.quantize(STEP, ROUND_CEILING)))
    inner = np.quantile(values, np.linspace(0, 1, count + 1)[1:-1])
    edges = sorted({first, last, *(round(float(edge), 3) for edge in inner)})
    return edges if len(edges) > 1 else _single_bin(first)


def choose_edges(values: Sequence[float], params: QualityParams) -> list[float]:
    """Ascending edges: those of the parameters, or quantiles of `values`, the Mask-SSIM of all measured fakes of a data set."""
    return params.bins if params.quantiles is None else quantile_edges(values, params.quantiles)


def write_edges(path: Path, edges: Sequence[float], values: Sequence[float]) -> None:
    """Write one row per bin, with the number of measured fakes in it."""
    counts = Counter(bin_label(value, edges) for value in values)
    rows = zip(bin_labels(edges), pairwise(edges), strict=True)
    write_table(path, COLUMNS, ({"bin": name, "low": low, "high": high, "n_fake": counts[name]} for name, (low, high) in rows))


def read_edges(path: Path) -> list[float]:
    """Read the edges written by `write_edges`; raises LaanetError if the file is missing or has no bins."""
    rows = read_table(path, COLUMNS)
    if not rows:
        raise LaanetError(f"{path}: has no bins; build it again with 'dvc repro'.")
    return [float(rows[0]["low"]), *(float(row["high"]) for row in rows)]


def _single_bin(value: float) -> list[float]:
    """Edges of a single bin that contains the value, for data with only one edge."""
    return [value, round(value + float(STEP), 3)] if value < 1 else [round(value - float(STEP), 3), value]


def _format_edge(value: float) -> str:
    """Format with two decimals if that is exact, else with as many as needed."""
    short = f"{value:.2f}"
    return short if float(short) == value else repr(float(value))
