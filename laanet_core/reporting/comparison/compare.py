"""Comparison of detectors on the videos that all of them scored: measures, paired differences, AUC by Mask-SSIM (paper, Fig. 1)."""

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
"""Decimals of a difference; further digits are rounding errors."""
MAX_GROUPS = 100
"""Maximum number of bins or methods, since each takes its own bootstrap and table row."""
OF_PROBABILITIES = ("ar", "f1", "mf1_published", "accuracy", "log_loss", "ece")
"""Measures that need scores to be probabilities."""
By = Literal["all", "bin", "method"]


class Settings(NamedTuple):
    """threshold: videos with at least this score are classified as fake; resamples: of the bootstrap; edges, quantiles: edges or number
    of the Mask-SSIM bins to make, by default the bins in the files."""

    threshold: float
    resamples: int
    seed: int
    edges: Sequence[float] | None = None
    quantiles: int | None = None


class Estimate(NamedTuple):
    """A measure with its 95 % interval, and its paired difference from the first detector, None for the first detector itself."""

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
    """The fakes of one bin, one method or all, against all real videos; estimates: of each detector, by name of the measure."""

    by: By
    name: str
    n_real: int
    n_fake: int
    estimates: list[dict[str, Estimate]]


class Bin(NamedTuple):
    """A range of Mask-SSIM, [low, high); the last bin includes `high`."""

    name: str
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """Result of `compare`. overall: all fakes; bins: empty if no file has a Mask-SSIM; notes: remarks for the reader."""

    matched: Matched
    settings: Settings
    overall: Group
    bins: list[Group]
    methods: list[Group]
    notes: list[str]

    @property
    def names(self) -> list[str]:
        """Names of the detectors; the others are compared with the first."""
        return list(self.matched.files)

    @property
    def groups(self) -> list[Group]:
        """All groups: overall, bins, methods."""
        return [self.overall, *self.bins, *self.methods]

    def spread(self, detector: int) -> Spread:
        """Spread of a detector's AUC over the bins (Fig. 1b)."""
        return spread(group.estimates[detector]["auc"].value for group in self.bins)


def compare(files: Mapping[str, ScoreFile], settings: Settings) -> Comparison:
    """Compare detectors with the first of them.

    files: scores by name of the detector. Raises LaanetError for files that cannot be compared and bins that cannot be made.
    """
    matched = match(files)
    ranges, bin_of_video = _choose_bins(matched, settings)
    fakes = [place for place, video in enumerate(matched.videos) if video.label == 1]
    in_bin = {item.name: [place for place in fakes if bin_of_video[place] == item.name] for item in ranges}
    by_method, too_many = _by_method({place: matched.videos[place].method for place in fakes})
    left_out = [*_left_out(len(fakes), in_bin, "Mask-SSIM bin"), *_left_out(len(fakes), by_method, "method")]
    return Comparison(
        matched, settings, _group(matched, settings, "all", "all", fakes),
        [_group(matched, settings, "bin", name, places) for name, places in in_bin.items()],
        [_group(matched, settings, "method", name, places) for name, places in by_method.items()],
        [*_notes(matched), *too_many, *left_out, *matched.notes],
    )  # fmt: skip


def _by_method(methods: Mapping[int, str]) -> tuple[dict[str, list[int]], list[str]]:
    """The fakes of each method, or nothing and a note if there are too many methods; methods: method of each fake."""
    names = sorted(set(methods.values()) - {""})
    if len(names) > MAX_GROUPS:
        return {}, [f"method: {len(names)} different methods (maximum {MAX_GROUPS}), so there is no table by method"]
    return {name: [place for place, method in methods.items() if method == name] for name in names}, []


def _choose_bins(matched: Matched, settings: Settings) -> tuple[list[Bin], list[str]]:
    """The bins, and the name of each video's bin, empty if it has none."""
    values = [video.mask_ssim for video in matched.videos]
    of_fakes = [value for value, video in zip(values, matched.videos, strict=True) if value is not None and video.label == 1]
    requested = settings.edges is not None or settings.quantiles is not None
    if requested and not of_fakes:
        raise LaanetError("mask_ssim: no compared fake has a value in any file, but --bins and --quantiles need it; leave them out.")
    if matched.bins and not requested:
        if len(matched.bins) > MAX_GROUPS:
            raise LaanetError(
                f"bin: the files have {len(matched.bins)} different bins, the maximum is {MAX_GROUPS}; give --bins or --quantiles."
            )
        return _without_gaps([_parsed(name) for name in matched.bins]), [video.bin for video in matched.videos]
    if not of_fakes:
        return [], [""] * len(values)
    edges = settings.edges or quantile_edges(of_fakes, settings.quantiles or DEFAULT_QUANTILES)
    ranges = [Bin(name, *ends) for name, ends in zip(bin_labels(edges), pairwise(edges), strict=True)]
    return ranges, ["" if value is None else bin_label(value, edges) for value in values]


def _parsed(name: str) -> Bin:
    """The bin with a name such as 0.80-0.85."""
    low, _, high = name.rpartition("-")
    try:
        ends = float(low), float(high)
    except ValueError:
        ends = math.nan, math.nan
    if not -math.inf < ends[0] < ends[1] < math.inf:
        raise LaanetError(f"bin: '{name}' in the files is not a range such as 0.80-0.85; give --bins or --quantiles.")
    return Bin(name, *ends)


def _without_gaps(bins: Sequence[Bin]) -> list[Bin]:
    """Bins in ascending order, with empty bins inserted in gaps between them; raises LaanetError if bins overlap."""
    ordered = sorted(bins, key=lambda item: item[1:])
    filled = ordered[:1]
    for item in ordered[1:]:
        before = filled[-1]
        if item.low < before.high:
            raise LaanetError(f"bin: '{before.name}' and '{item.name}' in the files overlap; give --bins or --quantiles.")
        if item.low > before.high:
            filled.append(Bin(bin_labels([before.high, item.low])[0], before.high, item.low))
        filled.append(item)
    return filled


def _group(matched: Matched, settings: Settings, by: By, name: str, fakes: Sequence[int]) -> Group:
    """Measures of all detectors on the given fakes (indices of videos) and all real videos."""
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
    """The measures by name; those that need probabilities are None if the scores are not probabilities."""
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
    """A difference without floating-point rounding errors, so that equal values differ by exactly 0."""
    return None if difference is None else round(difference, DECIMALS) + 0.0


def _notes(matched: Matched) -> list[str]:
    """Reasons why measures are undefined."""
    notes = [
        f"{name}: has scores outside the range 0 to 1, so measures that need probabilities or a threshold are undefined ('-')"
        for name, file in matched.files.items()
        if not file.has_probabilities
    ]
    labels = set(matched.labels.tolist())
    if len(labels) == 1:
        notes.append(f"only {CLASSES[labels.pop()]} videos are compared, so AUC, AP, AR, F1, mF1 and EER are undefined ('-')")
    return notes


def _left_out(fakes: int, groups: Mapping[str, Sequence[int]], what: str) -> list[str]:
    """A note on the number of fakes that are in no group, if there are groups."""
    left = fakes - sum(map(len, groups.values()))
    return [f"{left} of {fakes} compared fakes {'is' if left == 1 else 'are'} in no {what}"] if groups and left else []
