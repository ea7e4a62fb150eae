"""Reliability of the scores as probabilities: the share of fakes among videos with similar scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from laanet_core.evaluation.weighted import CALIBRATION_BINS

Z = 1.959963984540054
"""97.5 % quantile of the normal distribution, for two-sided 95 % intervals."""


class ReliabilityBin(NamedTuple):
    """Videos with a score in [low, high), the last bin closed on both sides.

    mean_score, share: mean score and share of fakes, None if the bin is empty; share_low, share_high: 95 % interval of the share
    (Wilson 1927), 0 and 1 if the bin is empty.
    """

    low: float
    high: float
    n_videos: int
    mean_score: float | None
    share: float | None
    share_low: float
    share_high: float


def reliability_bins(labels: Sequence[int], scores: Sequence[float]) -> list[ReliabilityBin]:
    """The bins of the expected calibration error, including empty ones; labels: 1 fake, 0 real; scores: 0 to 1."""
    edges = np.arange(CALIBRATION_BINS + 1) / CALIBRATION_BINS
    places = np.searchsorted(edges[1:-1], scores, side="right")
    bins = []
    for place in range(CALIBRATION_BINS):
        inside = [(label, score) for label, score, own in zip(labels, scores, places, strict=True) if own == place]
        bins.append(_bin(float(edges[place]), float(edges[place + 1]), inside))
    return bins


def share_interval(successes: int, count: int) -> tuple[float, float]:
    """95 % Wilson score interval of successes / count; (0, 1) if count is 0."""
    if not count:
        return 0.0, 1.0
    share, spread = successes / count, Z**2 / count
    middle = (share + spread / 2) / (1 + spread)
    half = math.sqrt(share * (1 - share) * spread + spread**2 / 4) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def _bin(low: float, high: float, inside: Sequence[tuple[int, float]]) -> ReliabilityBin:
    fakes, count = sum(label for label, _ in inside), len(inside)
    mean_score = sum(score for _, score in inside) / count if count else None
    return ReliabilityBin(low, high, count, mean_score, fakes / count if count else None, *share_interval(fakes, count))
