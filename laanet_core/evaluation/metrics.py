"""AUC, average precision and their intervals: arrays in, numbers out; None where a measure is not defined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

Array = NDArray[np.float64]
COVERAGE_PERCENT = 95.0


class Interval(NamedTuple):
    """Ends of a 95 % interval, None where it is not defined."""

    low: float | None
    high: float | None


class RocPoint(NamedTuple):
    """One corner of the ROC curve; threshold is None at the corner (0, 0), where nothing is called fake."""

    fpr: float
    tpr: float
    threshold: float | None


def auc(labels: ArrayLike, scores: ArrayLike) -> float | None:
    """Area under the ROC curve of n scores, ties counting half; labels (n,): 1 fake, 0 real. None with one class only."""
    labels, scores = _checked(labels, scores)
    return float(roc_auc_score(labels, scores)) if _both_classes(labels) else None


def average_precision(labels: ArrayLike, scores: ArrayLike) -> float | None:
    """Average precision with fake as the positive class; it grows with the share of fakes. None with one class only."""
    labels, scores = _checked(labels, scores)
    return float(average_precision_score(labels, scores)) if _both_classes(labels) else None


def auc_interval(labels: ArrayLike, scores: ArrayLike, resamples: int, generator: np.random.Generator) -> Interval:
    """95 % percentile interval of the AUC over a stratified bootstrap (Efron & Tibshirani 1993, ch. 13).

    Reals and fakes are drawn with replacement, each class keeping its size. A perfect separation gives (1, 1): the bootstrap
    knows nothing of videos it has not seen, so that the interval of a handful of videos is too narrow.
    """
    labels, scores = _checked(labels, scores)
    if not _both_classes(labels) or resamples < 1:
        return Interval(None, None)
    areas = _bootstrap_areas(np.sort(scores[labels == 0]), scores[labels == 1], resamples, generator)
    tail = (100.0 - COVERAGE_PERCENT) / 2
    low, high = np.percentile(areas, [tail, 100.0 - tail])
    return Interval(float(low), float(high))


def _bootstrap_areas(reals: Array, fakes: Array, resamples: int, generator: np.random.Generator) -> Array:
    """AUC of each resample, from how often each video was drawn; reals ascending."""
    below, at_most = np.searchsorted(reals, fakes, "left"), np.searchsorted(reals, fakes, "right")
    areas = np.empty(resamples)
    for sample in range(resamples):
        drawn_reals = np.bincount(generator.integers(len(reals), size=len(reals)), minlength=len(reals))
        drawn_fakes = np.bincount(generator.integers(len(fakes), size=len(fakes)), minlength=len(fakes))
        beaten = np.concatenate([[0], np.cumsum(drawn_reals)])
        areas[sample] = drawn_fakes @ (beaten[below] + beaten[at_most]) / (2 * len(reals) * len(fakes))
    return areas


def roc_points(labels: ArrayLike, scores: ArrayLike) -> list[RocPoint]:
    """Corners of the ROC curve from (0, 0) to (1, 1); empty with one class only."""
    labels, scores = _checked(labels, scores)
    if not _both_classes(labels):
        return []
    fpr, tpr, thresholds = roc_curve(labels, scores)
    return [
        RocPoint(float(x), float(y), float(threshold) if np.isfinite(threshold) else None)
        for x, y, threshold in zip(fpr, tpr, thresholds, strict=True)
    ]


def mean(values: Sequence[float]) -> float | None:
    """Arithmetic mean, None of nothing."""
    return float(np.mean(values)) if len(values) else None


def _checked(labels: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.int64], Array]:
    """Arrays of equal length with finite scores; raises ValueError otherwise."""
    labels, scores = np.asarray(labels, dtype=np.int64), np.asarray(scores, dtype=np.float64)
    if labels.shape != scores.shape or labels.ndim != 1:
        raise ValueError(f"labels {labels.shape} and scores {scores.shape} must be vectors of one length")
    if not np.isfinite(scores).all():
        raise ValueError("scores must be finite")
    return labels, scores


def _both_classes(labels: NDArray[np.int64]) -> bool:
    return bool((labels == 0).any() and (labels == 1).any())
