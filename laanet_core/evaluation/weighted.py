"""All measures for many weightings of the same scored items at once, with one sort; a weight is how often a video counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
CLIP = 1e-7
"""Probabilities are clipped to this distance from 0 and 1 in the log-loss."""
CALIBRATION_BINS = 15
"""Number of equal-width bins of the expected calibration error; they include their lower edge, and the last one both edges."""
OF_BOTH_CLASSES = ("auc", "ap", "ar", "f1", "mf1_published", "eer")


class ScoredItems:
    """n scored items of v videos, sorted by descending score; quantities that add up over items are summed per video in advance."""

    def __init__(self, labels: NDArray[np.int64], scores: Array, threshold: float, videos: NDArray[np.int64]) -> None:
        """labels (n,): 1 fake, 0 real; scores (n,): finite; threshold: items with at least this score are classified as fake;
        videos (n,): index of each item's video, 0..v-1."""
        order = np.argsort(-scores, kind="stable")
        self.videos = videos[order]
        self.fake = (labels[order] == 1).astype(np.float64)
        self.corners = np.append(0, 1 + np.flatnonzero(np.diff(scores[order], append=-np.inf)))
        """Numbers of items at or above each distinct score: the corners of the ROC curve, which items of equal score enter together."""
        self.sums = _sums_by_video(labels, scores, threshold, videos)

    def measures(self, weights: Array) -> dict[str, Array]:
        """Each measure for r weightings of the videos, (r,); NaN if undefined. weights (r, v): not negative."""
        sums = np.einsum("rv,cv->rc", weights, self.sums)
        gaps = sums[:, -CALIBRATION_BINS:]
        reals, fakes, alarms, hits, loss = sums[:, :-CALIBRATION_BINS].T
        items, rejected = reals + fakes, reals + fakes - alarms - hits
        with np.errstate(invalid="ignore", divide="ignore"):
            measures = self._ranked(weights) | {
                "ar": (hits / fakes + (reals - alarms) / reals) / 2,
                "f1": hits / (hits + alarms + fakes) + (reals - alarms) / (rejected + reals),
                "accuracy": (hits + reals - alarms) / items,
                "log_loss": loss / items,
                "ece": np.abs(gaps).sum(axis=1) / items,
            }
            measures["mf1_published"] = 2 * measures["ap"] * measures["ar"] / (measures["ap"] + measures["ar"])
        both = (reals > 0) & (fakes > 0)
        return measures | {name: np.where(both, measures[name], np.nan) for name in OF_BOTH_CLASSES}

    def _ranked(self, weights: Array) -> dict[str, Array]:
        """The measures that depend only on the order of the items: auc, ap, eer."""
        by_item = np.take(weights, self.videos, axis=1)  # rows stay contiguous, so that the sums of one do not depend on the others
        above = self._at_corners(by_item)
        hits = self._at_corners(by_item * self.fake)
        alarms = above - hits
        reals, fakes = alarms[:, -1], hits[:, -1]
        gained = np.diff(hits, axis=1)
        area = (np.diff(alarms, axis=1) * (hits[:, 1:] + hits[:, :-1])).sum(axis=1) / 2
        precision = hits[:, 1:] / np.where(above[:, 1:] > 0, above[:, 1:], 1)
        return {
            "auc": area / (reals * fakes),
            "ap": (gained * precision).sum(axis=1) / fakes,
            "eer": _equal_error_rate(alarms, hits),
        }

    def _at_corners(self, values: Array) -> Array:
        """Cumulative sums of values (r, n) at each corner."""
        sums = np.zeros((len(values), values.shape[1] + 1))
        np.cumsum(values, axis=1, out=sums[:, 1:])
        return np.take(sums, self.corners, axis=1)


def _equal_error_rate(alarms: Array, hits: Array) -> Array:
    """Rate at which the linearly interpolated ROC curve has equal false positive and false negative rates, (r,).

    alarms, hits (r, corners): weights of the reals and fakes at or above each corner. (False positive rate - false negative rate) *
    reals * fakes increases from corner to corner; with integer weights it is exact.
    """
    reals, fakes = alarms[:, -1:], hits[:, -1:]
    excess = alarms * fakes + hits * reals - reals * fakes
    rows, after = np.arange(len(excess)), np.argmax(excess >= 0, axis=1)
    low, high = excess[rows, after - 1], excess[rows, after]
    first, second = alarms[rows, after - 1], alarms[rows, after]
    return np.asarray((first - low / (high - low) * (second - first)) / reals[:, 0])


def _sums_by_video(labels: NDArray[np.int64], scores: Array, threshold: float, videos: NDArray[np.int64]) -> Array:
    """Sums per video, (5 + bins, v): numbers of reals, fakes, false positives, true positives; log-loss; label - score in each bin."""
    count = int(videos.max(initial=-1)) + 1
    called, edges = scores >= threshold, np.arange(1, CALIBRATION_BINS) / CALIBRATION_BINS
    counted = [labels == 0, labels == 1, (labels == 0) & called, (labels == 1) & called]
    bins = np.searchsorted(edges, scores, side="right") * count + videos
    gaps = np.bincount(bins, labels - scores, CALIBRATION_BINS * count).reshape(CALIBRATION_BINS, count)
    clipped = np.clip(scores, CLIP, 1 - CLIP)
    loss = -np.log(np.where(labels == 1, clipped, 1 - clipped))
    sums = np.vstack([*(np.bincount(videos, values, count) for values in (*counted, loss)), gaps])
    if ((scores < 0) | (scores > 1)).any():
        sums[len(counted) :] = np.nan
    return sums
