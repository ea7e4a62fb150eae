"""AUC and AP of the fakes in each Mask-SSIM bin against the real videos (paper, Fig. 1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from laanet_core.evaluation.metrics import intervals, measure
from laanet_core.quality.bins import bin_labels
from laanet_core.randomness import numpy_generator


class BinResult(NamedTuple):
    """One row of mask_ssim_bins.csv: the bin's scored fakes against all scored real videos; None if undefined.

    coverage: share of the bin's fakes and of all real videos that have a score.
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
    """AUC over the bins that have one (paper, Fig. 1b): number of bins, minimum, maximum, population standard deviation."""

    n_bins: int
    lowest: float | None
    highest: float | None
    deviation: float | None


Score = float | None
"""Score of a video; None if it was not scored."""
BIN_COLUMNS = list(BinResult._fields)
ANY_THRESHOLD = 0.5
"""AUC and AP do not depend on it."""


def score_bins(
    reals: Sequence[Score], fakes: Sequence[Score], fake_bins: Sequence[str], edges: Sequence[float], resamples: int, seed: int
) -> list[BinResult]:
    """Measures of each bin, empty bins included.

    reals: score of each real video; fakes, fake_bins: score and bin label of each fake; edges: ascending edges of the bins;
    resamples: number of bootstrap resamples. The random numbers depend on (seed, bin).
    """
    results = []
    for label, (low, high) in zip(bin_labels(edges), pairwise(edges), strict=True):
        inside = [score for score, name in zip(fakes, fake_bins, strict=True) if name == label]
        scored_reals, scored_fakes = ([score for score in scores if score is not None] for scores in (reals, inside))
        labels, scores = [0] * len(scored_reals) + [1] * len(scored_fakes), [*scored_reals, *scored_fakes]
        points = measure(labels, scores, ANY_THRESHOLD)
        ends = intervals(labels, scores, ANY_THRESHOLD, resamples, numpy_generator(seed, "bootstrap", "bin", label))
        measures = (points.auc, points.ap, *ends["auc"], *ends["ap"])
        coverage = len(scores) / (len(reals) + len(inside)) if reals or inside else None
        results.append(BinResult(label, low, high, len(scored_reals), len(scored_fakes), *measures, coverage))
    return results


def spread(areas: Iterable[float | None]) -> Spread:
    """Range and standard deviation of the AUC over bins; areas: AUC of each bin, None if undefined."""
    defined = [area for area in areas if area is not None]
    if not defined:
        return Spread(0, None, None, None)
    return Spread(len(defined), min(defined), max(defined), float(np.std(defined)))
