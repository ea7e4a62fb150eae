"""Measures of scored items and their bootstrap intervals: arrays in, numbers out; None where a measure is not defined."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import roc_curve

from laanet_core.evaluation.weighted import ScoredItems

Array = NDArray[np.float64]
COVERAGE_PERCENT = 95.0
BLOCK = 2**20
"""Weights held at a time, which bounds the memory and changes no result."""


class Measures(NamedTuple):
    """How well scores tell fakes (the positive class) from reals; None where not defined.

    auc, ap, ar, f1, mf1_published and eer need both classes, log_loss and ece scores that are probabilities (0 to 1), all an item.

    auc: area under the ROC curve, ties counting half.
    ap: average precision, the sum of precision times gain in recall over the distinct scores, as scikit-learn has it.
    ar: macro recall at the threshold, the mean of the recalls of both classes.
    f1: macro F1 at the threshold, the mean of the F1 of both classes.
    mf1_published: 2 ap ar / (ap + ar), which the published code calls mF1 (reference_facts, sec. 6).
    eer: equal error rate, where the ROC curve, straight between its corners, has as high a false positive as false negative rate.
    accuracy: share of right calls at the threshold; an item of score >= threshold is called fake.
    log_loss: mean of -log p of the true class in nats, p held within [1e-7, 1 - 1e-7].
    ece: expected calibration error of the probability of fake: |mean label - mean score| in each of 15 equal-width bins, weighted
    by the bin's share of items.
    """

    auc: float | None
    ap: float | None
    ar: float | None
    f1: float | None
    mf1_published: float | None
    eer: float | None
    accuracy: float | None
    log_loss: float | None
    ece: float | None


class Interval(NamedTuple):
    """Ends of a 95 % interval, None where it is not defined."""

    low: float | None
    high: float | None


class RocPoint(NamedTuple):
    """One corner of the ROC curve; threshold is None at the corner (0, 0), where nothing is called fake."""

    fpr: float
    tpr: float
    threshold: float | None


class _Videos(NamedTuple):
    """Items by video: number of the video of each item (n,), the real videos before the fake ones; how many of each there are."""

    of_item: NDArray[np.int64]
    reals: int
    fakes: int


def measure(labels: ArrayLike, scores: ArrayLike, threshold: float) -> Measures:
    """All measures of n scores; labels (n,): 1 fake, 0 real."""
    labels, scores = _checked(labels, scores)
    items = ScoredItems(labels, scores, threshold, np.arange(len(labels)))
    found = items.measures(np.ones((1, len(labels))))
    return Measures(*(_number(found[name][0]) for name in Measures._fields))


def intervals(
    labels: ArrayLike, scores: ArrayLike, threshold: float, resamples: int, generator: np.random.Generator, videos: ArrayLike | None = None
) -> dict[str, Interval]:
    """95 % percentile interval of each measure over a stratified bootstrap of videos (Efron & Tibshirani 1993, ch. 13).

    Real and fake videos are drawn with replacement, each class keeping its number of videos; an item counts as often as its video
    was drawn. videos (n,): the video of each item, None where each item is one. A perfect separation gives an AUC of (1, 1): the
    bootstrap knows nothing of videos it has not seen, so that the intervals of a handful of videos are too narrow.
    """
    labels, scores = _checked(labels, scores)
    grouped = _group(labels, videos)
    (values,) = _bootstrap([ScoredItems(labels, scores, threshold, grouped.of_item)], grouped, resamples, generator)
    return _percentiles(values)


def paired_intervals(
    labels: ArrayLike, scores: ArrayLike, threshold: float, resamples: int, generator: np.random.Generator
) -> tuple[list[dict[str, Interval]], list[dict[str, Interval]]]:
    """As `intervals`, of k detectors that scored the same n videos, with the same draws for all; scores (k, n).

    Gives each detector's intervals, and those of its difference to the first detector, whose own is (0, 0).
    """
    checked = [_checked(labels, row) for row in np.atleast_2d(np.asarray(scores, dtype=np.float64))]
    grouped = _group(checked[0][0], None)
    detectors = [ScoredItems(*pair, threshold, grouped.of_item) for pair in checked]
    values = _bootstrap(detectors, grouped, resamples, generator)
    return [_percentiles(own) for own in values], [_percentiles(own - values[0]) for own in values]


def roc_points(labels: ArrayLike, scores: ArrayLike) -> list[RocPoint]:
    """Corners of the ROC curve from (0, 0) to (1, 1); empty with one class only."""
    labels, scores = _checked(labels, scores)
    if not ((labels == 0).any() and (labels == 1).any()):
        return []
    fpr, tpr, thresholds = roc_curve(labels, scores)
    return [
        RocPoint(float(x), float(y), float(threshold) if np.isfinite(threshold) else None)
        for x, y, threshold in zip(fpr, tpr, thresholds, strict=True)
    ]


def mean(values: Sequence[float]) -> float | None:
    """Arithmetic mean, None of nothing."""
    return float(np.mean(values)) if len(values) else None


def _bootstrap(detectors: Sequence[ScoredItems], videos: _Videos, resamples: int, generator: np.random.Generator) -> Array:
    """Measures of each resample, (detectors, resamples, measures)."""
    values = np.empty((len(detectors), max(resamples, 0), len(Measures._fields)))
    done = 0
    for drawn in _draws(videos, resamples, generator):
        for detector, own in zip(detectors, values, strict=True):
            found = detector.measures(drawn)
            own[done : done + len(drawn)] = np.stack([found[name] for name in Measures._fields], axis=1)
        done += len(drawn)
    return values


def _draws(videos: _Videos, resamples: int, generator: np.random.Generator) -> Iterator[Array]:
    """How often each video was drawn, (rows, videos) at a time; the generator is asked row by row, whatever the size of a block."""
    count = videos.reals + videos.fakes
    first = np.repeat([0, videos.reals], [videos.reals, videos.fakes])
    last = np.repeat([videos.reals, count], [videos.reals, videos.fakes])
    block = max(1, BLOCK // max(1, len(videos.of_item)))
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        chosen = generator.integers(first, last, size=(rows, count)) + count * np.arange(rows)[:, None]
        yield np.bincount(chosen.ravel(), minlength=rows * count).reshape(rows, count).astype(np.float64)


def _percentiles(values: Array) -> dict[str, Interval]:
    """Interval of each column of (resamples, measures)."""
    if not len(values):
        return dict.fromkeys(Measures._fields, Interval(None, None))
    tail = (100.0 - COVERAGE_PERCENT) / 2
    ends = np.percentile(values, [tail, 100.0 - tail], axis=0).T
    return {name: Interval(_number(low), _number(high)) for name, (low, high) in zip(Measures._fields, ends, strict=True)}


def _group(labels: NDArray[np.int64], videos: ArrayLike | None) -> _Videos:
    """Number the videos, the real ones first; raises ValueError for a video of both classes."""
    names = np.arange(len(labels)) if videos is None else np.asarray(videos)
    if names.shape != labels.shape:
        raise ValueError(f"videos {names.shape} and labels {labels.shape} must be vectors of one length")
    distinct, places = np.unique(names, return_inverse=True)
    found, of_item = np.unique(labels * len(distinct) + places, return_inverse=True)
    if len(found) != len(distinct):
        raise ValueError("a video must not have items of both classes")
    reals = int((found < len(distinct)).sum())
    return _Videos(of_item, reals, len(found) - reals)


def _checked(labels: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.int64], Array]:
    """Arrays of equal length, labels 0 or 1 and finite scores; raises ValueError otherwise."""
    labels, scores = np.asarray(labels, dtype=np.int64), np.asarray(scores, dtype=np.float64)
    if labels.shape != scores.shape or labels.ndim != 1:
        raise ValueError(f"labels {labels.shape} and scores {scores.shape} must be vectors of one length")
    if not np.isin(labels, (0, 1)).all():
        raise ValueError("labels must be 0 (real) or 1 (fake)")
    if not np.isfinite(scores).all():
        raise ValueError("scores must be finite")
    return labels, scores


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
