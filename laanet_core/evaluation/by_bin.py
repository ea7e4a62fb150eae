"""How well fakes of each bin are told from the real videos (paper, Fig. 1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from laanet_core.evaluation.metrics import intervals, measure
from laanet_core.quality.bins import bin_labels
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
ANY_THRESHOLD = 0.5
"""AUC and AP do not depend on it."""


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
