"""Bins of Mask-SSIM, and how well fakes of each bin are told from the real videos (paper, Fig. 1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from laanet_core.evaluation.metrics import intervals, measure
from laanet_core.randomness import numpy_generator


class BinResult(NamedTuple):
    """One row of mask_ssim_bins.csv: the bin's scored fakes against all scored real videos; None where not defined.

    coverage: share of the bin's fakes and all reals that have a score.
    """

    bin: str
    low: float
    high: float
    n_real: int
    n_fake: int
    auc: float | None
    ap: float | None
    auc_low: float | None
    auc_high: float | None
    ap_low: float | None
    ap_high: float | None
    coverage: float | None


class Spread(NamedTuple):
    """AUC over the bins that have one (paper, Fig. 1b): how many bins, extremes, standard deviation (of these, not an estimate)."""

    n_bins: int
    lowest: float | None
    highest: float | None
    deviation: float | None


Score = float | None
"""Of a video; None where it has none."""
BIN_COLUMNS = list(BinResult._fields)
STEP = Decimal("0.001")
"""Of the edges of quantile bins."""
ANY_THRESHOLD = 0.5
"""AUC and AP do not depend on it."""


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


def score_bins(
    reals: Sequence[Score], fakes: Sequence[Score], fake_bins: Sequence[str], edges: Sequence[float], resamples: int, seed: int
) -> list[BinResult]:
    """One result a bin, empty bins included.

    reals: score of each real video; fakes, fake_bins: score and bin label of each fake; resamples: of the bootstrap, which is
    keyed by (seed, bin).
    """
    results = []
    for label, (low, high) in zip(bin_labels(edges), pairwise(edges), strict=True):
        inside = [score for score, name in zip(fakes, fake_bins, strict=True) if name == label]
        scored_reals, scored_fakes = _scored(reals), _scored(inside)
        labels, scores = [0] * len(scored_reals) + [1] * len(scored_fakes), [*scored_reals, *scored_fakes]
        points = measure(labels, scores, ANY_THRESHOLD)
        ends = intervals(labels, scores, ANY_THRESHOLD, resamples, numpy_generator(seed, "bootstrap", "bin", label))
        measures = (points.auc, points.ap, *ends["auc"], *ends["ap"])
        coverage = len(scores) / (len(reals) + len(inside)) if reals or inside else None
        results.append(BinResult(label, low, high, len(scored_reals), len(scored_fakes), *measures, coverage))
    return results


def spread(areas: Iterable[float | None]) -> Spread:
    """How far the AUC of the bins lies apart; areas: one a bin, None where it has none."""
    known = [area for area in areas if area is not None]
    if not known:
        return Spread(0, None, None, None)
    return Spread(len(known), min(known), max(known), float(np.std(known)))


def _scored(scores: Sequence[Score]) -> list[float]:
    return [score for score in scores if score is not None]


def _around(value: float) -> list[float]:
    """Edges of the one bin of a value that is an edge itself."""
    return [value, round(value + float(STEP), 3)] if value < 1 else [round(value - float(STEP), 3), value]


def _edge(value: float) -> str:
    """Two decimals where they are exact, else as many as it takes."""
    short = f"{value:.2f}"
    return short if float(short) == value else repr(float(value))
