"""Measures of scored items and their bootstrap intervals: arrays in, numbers out; None if a measure is undefined."""

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
"""Number of bootstrap weights in memory at a time; it bounds the memory and does not change any result."""


class Measures(NamedTuple):
    """How well scores separate fakes (the positive class) from reals; None if undefined.

    All measures need at least one item; auc, ap, ar, f1, mf1_published and eer need both classes; log_loss and ece need scores that
    are probabilities (0 to 1).

    auc: area under the ROC curve, ties counting half.
    ap: average precision, the sum of precision times gain in recall over the distinct scores, as in scikit-learn.
    ar: macro recall at the threshold, the mean of the recalls of both classes.
    f1: macro F1 at the threshold, the mean of the F1 scores of both classes.
    mf1_published: 2 ap ar / (ap + ar), which the published code calls mF1 (docs/paper_and_official.md, section 6).
    eer: equal error rate, where the linearly interpolated ROC curve has equal false positive and false negative rates.
    accuracy: share of correct decisions at the threshold; an item with score >= threshold is classified as fake.
    log_loss: mean of -log p of the true class in nats, p clipped to [1e-7, 1 - 1e-7].
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
    """Ends of a 95 % interval, None if undefined."""

    low: float | None
    high: float | None


class RocPoint(NamedTuple):
    """One corner of the ROC curve; threshold is None at the corner (0, 0), where nothing is classified as fake."""

    fpr: float
    tpr: float
    threshold: float | None


class _Videos(NamedTuple):
    """Videos of the items. of_item (n,): index of each item's video, real videos before fake ones; reals, fakes: numbers of videos."""

    of_item: NDArray[np.int64]
    reals: int
    fakes: int


def measure(labels: ArrayLike, scores: ArrayLike, threshold: float) -> Measures:
    """All measures of n scores; labels (n,): 1 fake, 0 real."""
    labels, scores = _checked(labels, scores)
    items = ScoredItems(labels, scores, threshold, np.arange(len(labels)))
    values = items.measures(np.ones((1, len(labels))))
    return Measures(*(_number(values[name][0]) for name in Measures._fields))


def intervals(
    labels: ArrayLike, scores: ArrayLike, threshold: float, resamples: int, generator: np.random.Generator, videos: ArrayLike | None = None
) -> dict[str, Interval]:
    """95 % percentile interval of each measure over a stratified bootstrap of videos (Efron & Tibshirani 1993, ch. 13).

    Real and fake videos are drawn with replacement, each class keeping its number of videos; an item counts as often as its video
    was drawn. videos (n,): the video of each item, None if each item is a video of its own. With few videos the intervals are too
    narrow: perfectly separated scores give an AUC interval of (1, 1).
    """
    labels, scores = _checked(labels, scores)
    grouped = _group(labels, videos)
    (values,) = _bootstrap([ScoredItems(labels, scores, threshold, grouped.of_item)], grouped, resamples, generator)
    return _percentiles(values)


def paired_intervals(
    labels: ArrayLike, scores: ArrayLike, threshold: float, resamples: int, generator: np.random.Generator
) -> tuple[list[dict[str, Interval]], list[dict[str, Interval]]]:
    """Intervals as in `intervals` for k detectors that scored the same n videos, with the same resamples for all; scores (k, n).

    Returns each detector's intervals, and those of its difference from the first detector, which are (0, 0) for the first itself.
    """
    checked = [_checked(labels, row) for row in np.atleast_2d(np.asarray(scores, dtype=np.float64))]
    grouped = _group(checked[0][0], None)
    detectors = [ScoredItems(*pair, threshold, grouped.of_item) for pair in checked]
    values = _bootstrap(detectors, grouped, resamples, generator)
    return [_percentiles(own) for own in values], [_percentiles(own - values[0]) for own in values]


def roc_points(labels: ArrayLike, scores: ArrayLike) -> list[RocPoint]:
    """Corners of the ROC curve from (0, 0) to (1, 1); empty if there is only one class."""
    labels, scores = _checked(labels, scores)
    if not ((labels == 0).any() and (labels == 1).any()):
        return []
    fpr, tpr, thresholds = roc_curve(labels, scores)
    return [
        RocPoint(float(x), float(y), float(threshold) if np.isfinite(threshold) else None)
        for x, y, threshold in zip(fpr, tpr, thresholds, strict=True)
    ]


def mean(values: Sequence[float]) -> float | None:
    """Arithmetic mean, None of no values."""
    return float(np.mean(values)) if len(values) else None


def _bootstrap(detectors: Sequence[ScoredItems], videos: _Videos, resamples: int, generator: np.random.Generator) -> Array:
    """Measures of each resample, (detectors, resamples, measures)."""
    values = np.empty((len(detectors), max(resamples, 0), len(Measures._fields)))
    done = 0
    for drawn in _draws(videos, resamples, generator):
        for detector, own in zip(detectors, values, strict=True):
            measures = detector.measures(drawn)
            own[done : done + len(drawn)] = np.stack([measures[name] for name in Measures._fields], axis=1)
        done += len(drawn)
    return values


def _draws(videos: _Videos, resamples: int, generator: np.random.Generator) -> Iterator[Array]:
    """How often each video was drawn, in blocks of (resamples, videos); the block size does not change the random numbers."""
    count = videos.reals + videos.fakes
    first = np.repeat([0, videos.reals], [videos.reals, videos.fakes])
    last = np.repeat([videos.reals, count], [videos.reals, videos.fakes])
    block = max(1, BLOCK // max(1, len(videos.of_item)))
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        chosen = generator.integers(first, last, size=(rows, count)) + count * np.arange(rows)[:, None]
        yield np.bincount(chosen.ravel(), minlength=rows * count).reshape(rows, count).astype(np.float64)


def _percentiles(values: Array) -> dict[str, Interval]:
    """Interval of each measure, from values (resamples, measures)."""
    if not len(values):
        return dict.fromkeys(Measures._fields, Interval(None, None))
    tail = (100.0 - COVERAGE_PERCENT) / 2
    ends = np.percentile(values, [tail, 100.0 - tail], axis=0).T
    return {name: Interval(_number(low), _number(high)) for name, (low, high) in zip(Measures._fields, ends, strict=True)}


def _group(labels: NDArray[np.int64], videos: ArrayLike | None) -> _Videos:
    """Index the videos, real ones first; raises ValueError if a video has items of both classes."""
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
