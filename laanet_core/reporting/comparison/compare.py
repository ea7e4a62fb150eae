"""Detectors compared on the videos that all of them scored: measures, paired differences, and by Mask-SSIM (paper, Fig. 1)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np

from laanet_core.errors import LaanetError
from laanet_core.evaluation.by_bin import Spread, spread
from laanet_core.evaluation.metrics import Interval, Measures, measure, paired_intervals
from laanet_core.quality.bins import bin_label, bin_labels, quantile_edges
from laanet_core.randomness import numpy_generator
from laanet_core.reporting.comparison.matching import CLASSES, Matched, match
from laanet_core.reporting.comparison.score_files import ScoreFile

DEFAULT_QUANTILES = 4
DECIMALS = 12
"""Of differences, beyond which they are rounding errors."""
MAX_GROUPS = 100
"""Bins or methods, each of which has its own resamples and row."""
OF_PROBABILITIES = ("ar", "f1", "mf1_published", "accuracy", "log_loss", "ece")
"""Measures that mean nothing unless scores are probabilities."""
By = Literal["all", "bin", "method"]


class Settings(NamedTuple):
    """threshold: a score from which a video is called fake; resamples: of the 95 % intervals; edges, quantiles: bins of Mask-SSIM to
    make, by default those of the files."""

    threshold: float
    resamples: int
    seed: int
    edges: Sequence[float] | None = None
    quantiles: int | None = None


class Estimate(NamedTuple):
    """A measure with its 95 % interval, and its paired difference to that of the first detector, None for that one itself."""

    value: float | None
    low: float | None
    high: float | None
    difference: float | None
    difference_low: float | None
    difference_high: float | None

    @property
    def differs(self) -> bool:
        """Whether the interval of the difference excludes 0."""
        low, high = self.difference_low, self.difference_high
        return low is not None and high is not None and (low > 0 or high < 0)


class Group(NamedTuple):
    """The fakes of one bin or method, or all, against all real videos; estimates: of each detector, by the measure's name."""

    by: By
    name: str
    n_real: int
    n_fake: int
    estimates: list[dict[str, Estimate]]


class Bin(NamedTuple):
    """A range of Mask-SSIM, its last one closed on both sides."""

    name: str
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """What `compare` found; bins are empty where no file has a Mask-SSIM; notes: what a reader must know."""

    matched: Matched
    settings: Settings
    whole: Group
    bins: list[Group]
    methods: list[Group]
    notes: list[str]

    @property
    def names(self) -> list[str]:
        """Names of the detectors, the first being the one that others are compared with."""
        return list(self.matched.files)

    @property
    def groups(self) -> list[Group]:
        """All groups: the whole, bins, methods."""
        return [self.whole, *self.bins, *self.methods]

    def spread(self, detector: int) -> Spread:
        """How far a detector's AUC lies apart over the bins (Fig. 1b)."""
        return spread(group.estimates[detector]["auc"].value for group in self.bins)


def compare(files: Mapping[str, ScoreFile], settings: Settings) -> Comparison:
    """Compare detectors, by name, with the first; raises LaanetError for files that cannot be compared or bins that cannot be made."""
    matched = match(files)
    ranges, of_video = _choose_bins(matched, settings)
    fakes = [place for place, video in enumerate(matched.videos) if video.label == 1]
    in_bin = {item.name: [place for place in fakes if of_video[place] == item.name] for item in ranges}
    by_method, too_many = _by_method({place: matched.videos[place].method for place in fakes})
    left_out = [*_left_out(len(fakes), in_bin, "Mask-SSIM bin"), *_left_out(len(fakes), by_method, "method")]
    return Comparison(
        matched, settings, _group(matched, settings, "all", "all", fakes),
        [_group(matched, settings, "bin", name, places) for name, places in in_bin.items()],
        [_group(matched, settings, "method", name, places) for name, places in by_method.items()],
        [*_notes(matched), *too_many, *left_out, *matched.notes],
    )  # fmt: skip


def _by_method(methods: Mapping[int, str]) -> tuple[dict[str, list[int]], list[str]]:
    """Fakes of each method by its name, or none and a note that there are too many to tell anything; methods: of each fake."""
    found = sorted(set(methods.values()) - {""})
    if len(found) > MAX_GROUPS:
        return {}, [f"method: {len(found)} different ones, so that there is no table by method"]
    return {name: [place for place, method in methods.items() if method == name] for name in found}, []


def _choose_bins(matched: Matched, settings: Settings) -> tuple[list[Bin], list[str]]:
    """The bins, and the bin's name of each video, empty for none."""
    values = [video.mask_ssim for video in matched.videos]
    known = [value for value, video in zip(values, matched.videos, strict=True) if value is not None and video.label == 1]
    asked = settings.edges is not None or settings.quantiles is not None
    if asked and not known:
        raise LaanetError("mask_ssim: no compared fake has one in any of the files, which --bins and --quantiles need; leave them out.")
    if matched.bins and not asked:
        if len(matched.bins) > MAX_GROUPS:
            raise LaanetError(f"bin: {len(matched.bins)} different ones in the files, {MAX_GROUPS} at most; give --bins or --quantiles.")
        return _without_gaps([_parsed(name) for name in matched.bins]), [video.bin for video in matched.videos]
    if not known:
        return [], [""] * len(values)
    edges = settings.edges or quantile_edges(known, settings.quantiles or DEFAULT_QUANTILES)
    ranges = [Bin(name, *ends) for name, ends in zip(bin_labels(edges), pairwise(edges), strict=True)]
    return ranges, ["" if value is None else bin_label(value, edges) for value in values]


def _parsed(name: str) -> Bin:
    """A bin as its name says it, such as 0.80-0.85."""
    low, _, high = name.rpartition("-")
    try:
        ends = float(low), float(high)
    except ValueError:
        ends = math.nan, math.nan
    if not -math.inf < ends[0] < ends[1] < math.inf:
        raise LaanetError(f"bin: '{name}' in the files is no range such as 0.80-0.85; give --bins or --quantiles.")
    return Bin(name, *ends)


def _without_gaps(bins: Sequence[Bin]) -> list[Bin]:
    """Bins in ascending order, ranges without any video between them included; raises LaanetError for bins that overlap."""
    ordered = sorted(bins, key=lambda item: item[1:])
    filled = ordered[:1]
    for item in ordered[1:]:
        before = filled[-1]
        if item.low < before.high:
            raise LaanetError(f"bin: '{before.name}' and '{item.name}' of the files overlap; give --bins or --quantiles.")
        if item.low > before.high:
            filled.append(Bin(bin_labels([before.high, item.low])[0], before.high, item.low))
        filled.append(item)
    return filled


def _group(matched: Matched, settings: Settings, by: By, name: str, fakes: Sequence[int]) -> Group:
    """Measures of all detectors on some of the fakes and all of the reals."""
    reals = np.flatnonzero(matched.labels == 0)
    places = np.sort(np.concatenate([reals, np.asarray(fakes, np.int64)]))
    labels, scores = matched.labels[places], matched.scores[:, places]
    generator = numpy_generator(settings.seed, "compare", by, name)
    own, differences = paired_intervals(labels, scores, settings.threshold, settings.resamples, generator)
    values = [_defined(measure(labels, row, settings.threshold), file) for row, file in zip(scores, matched.files.values(), strict=True)]
    estimates = [
        {key: _estimate(key, number, values, own, differences) for key in Measures._fields} for number in range(len(matched.files))
    ]
    return Group(by, name, len(reals), len(fakes), estimates)


def _defined(measures: Measures, file: ScoreFile) -> dict[str, float | None]:
    """The measures by name, without those of probabilities where scores are none."""
    return {key: value if file.has_probabilities or key not in OF_PROBABILITIES else None for key, value in measures._asdict().items()}


def _estimate(
    key: str,
    number: int,
    values: Sequence[Mapping[str, float | None]],
    own: Sequence[Mapping[str, Interval]],
    differences: Sequence[Mapping[str, Interval]],
) -> Estimate:
    value, first = values[number][key], values[0][key]
    if value is None:
        return Estimate(None, None, None, None, None, None)
    if number == 0 or first is None:
        return Estimate(value, *own[number][key], None, None, None)
    return Estimate(value, *own[number][key], *map(_exact, (value - first, *differences[number][key])))


def _exact(difference: float | None) -> float | None:
    """A difference without what binary fractions add to it, since nought is neither above nor below nought."""
    return None if difference is None else round(difference, DECIMALS) + 0.0


def _notes(matched: Matched) -> list[str]:
    """What the measures lack."""
    notes = [
        f"{name}: has scores outside 0 to 1, so that measures of probabilities or at the threshold are '-'"
        for name, file in matched.files.items()
        if not file.has_probabilities
    ]
    found = set(matched.labels.tolist())
    if len(found) == 1:
        notes.append(f"only {CLASSES[found.pop()]} videos are compared, so that AUC, AP, AR, F1, mF1 and EER are '-'")
    return notes


def _left_out(fakes: int, groups: Mapping[str, Sequence[int]], what: str) -> list[str]:
    """A note of the fakes that are in no group, where there are groups."""
    left = fakes - sum(map(len, groups.values()))
    return [f"{left} of {fakes} compared fakes {'is' if left == 1 else 'are'} in no {what}"] if groups and left else []
