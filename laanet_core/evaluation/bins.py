"""Bins of Mask-SSIM, and how well fakes of each bin are told from the real videos (paper, Fig. 1)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from laanet_core.evaluation.metrics import auc, auc_interval, average_precision
from laanet_core.randomness import numpy_generator


class BinResult(NamedTuple):
    """One row of mask_ssim_bins.csv: the bin's scored fakes against all scored real videos; None where not defined."""

    bin: str
    low: float
    high: float
    n_real: int
    n_fake: int
    auc: float | None
    ap: float | None
    auc_low: float | None
    auc_high: float | None


BIN_COLUMNS = list(BinResult._fields)


def bin_labels(edges: Sequence[float]) -> list[str]:
    """Names of the bins between ascending edges, such as `0.80-0.85`."""
    return [f"{_edge(low)}-{_edge(high)}" for low, high in pairwise(edges)]


def bin_label(value: float, edges: Sequence[float]) -> str:
    """Name of the bin [low, high) of a value, the last bin closed on both sides; empty outside all bins."""
    if not edges[0] <= value <= edges[-1]:
        return ""
    index = min(int(np.searchsorted(edges, value, side="right")) - 1, len(edges) - 2)
    return bin_labels(edges)[index]


def score_bins(
    reals: Sequence[float], fakes: Sequence[float], fake_bins: Sequence[str], edges: Sequence[float], resamples: int, seed: int
) -> list[BinResult]:
    """One result a bin, empty bins included.

    reals: video scores of the real videos; fakes, fake_bins: score and bin label of each fake; resamples: of the bootstrap,
    which is keyed by (seed, bin).
    """
    results = []
    for label, (low, high) in zip(bin_labels(edges), pairwise(edges), strict=True):
        inside = [score for score, name in zip(fakes, fake_bins, strict=True) if name == label]
        labels, scores = [0] * len(reals) + [1] * len(inside), [*reals, *inside]
        interval = auc_interval(labels, scores, resamples, numpy_generator(seed, "bootstrap", "bin", label))
        measures = (auc(labels, scores), average_precision(labels, scores), *interval)
        results.append(BinResult(label, low, high, len(reals), len(inside), *measures))
    return results


def _edge(value: float) -> str:
    """Two decimals where they are exact, else as many as it takes."""
    short = f"{value:.2f}"
    return short if float(short) == value else repr(float(value))
