"""Bootstrap intervals of measures, for one detector and paired, compared with a straightforward bootstrap."""

import math
import tracemalloc
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from laanet_core.evaluation import metrics
from laanet_core.evaluation.metrics import Interval, Measures, intervals, measure, paired_intervals
from laanet_core.randomness import numpy_generator

Array = NDArray[np.float64]
LABELS, SCORES = [0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]
OF_ONE_CLASS = ("accuracy", "log_loss", "ece")
THRESHOLD = 0.45
RESAMPLES = 3000
EMPTY = Interval(None, None)
NOTHING = dict.fromkeys(Measures._fields, EMPTY)


def cohort(seed: int, reals: int = 20, fakes: int = 30, decimals: int = 2) -> tuple[NDArray[np.int64], Array]:
    """Overlapping scores of both classes, some of them tied."""
    source, labels = np.random.default_rng(seed), np.repeat([0, 1], [reals, fakes])
    return labels, np.round(1 / (1 + np.exp(-source.normal(size=reals + fakes) - 1.2 * (labels - 0.5))), decimals)


def generator(seed: int = 0) -> np.random.Generator:
    return numpy_generator(seed, "bootstrap", "test")


def ends(interval: Interval) -> tuple[float, float]:
    assert interval.low is not None
    assert interval.high is not None
    return interval.low, interval.high


def width(interval: Interval) -> float:
    low, high = ends(interval)
    return high - low


# --- one detector


def assert_equals_simple_bootstrap(found: dict[str, Interval], labels: Any, scores: Any, videos: Any) -> None:
    """Compare with resamples built item by item, with a fixed number of videos per class."""
    labels, scores, videos, source = np.asarray(labels), np.asarray(scores), np.asarray(videos), np.random.default_rng(3)
    strata = [[np.flatnonzero(videos == name) for name in np.unique(videos[labels == label])] for label in (0, 1)]
    values = np.empty((RESAMPLES, len(Measures._fields)))
    for row in range(RESAMPLES):
        places = np.concatenate([group[place] for group in strata for place in source.choice(len(group), len(group))])
        values[row] = measure(labels[places], scores[places], THRESHOLD)
    expected = np.percentile(values, [2.5, 97.5], axis=0).T
    for (name, interval), limits, spread in zip(found.items(), expected, values.std(axis=0), strict=True):
        assert interval == pytest.approx(tuple(limits), abs=0.25 * spread), name


def test_intervals_equal_a_simple_stratified_bootstrap() -> None:
    labels, scores = cohort(4)
    assert_equals_simple_bootstrap(intervals(labels, scores, THRESHOLD, RESAMPLES, generator()), labels, scores, np.arange(50))


def test_frames_are_resampled_together_with_their_video() -> None:
    labels, scores = cohort(5, 12, 18)
    frames = np.array([1, 2, 5] * 10)
    shaken = np.clip(np.repeat(scores, frames) + np.random.default_rng(6).normal(scale=0.05, size=frames.sum()), 0, 1)
    of_frame, videos = np.repeat(labels, frames), np.repeat([f"method/{number}" for number in range(30)], frames)
    found = intervals(of_frame, shaken, THRESHOLD, RESAMPLES, generator(), videos)
    assert_equals_simple_bootstrap(found, of_frame, shaken, videos)


def test_intervals_over_videos_are_wider_than_over_correlated_frames() -> None:
    labels, scores = cohort(7, 25, 25)
    of_frame, frames, videos = np.repeat(labels, 16), np.repeat(scores, 16), np.repeat(np.arange(50), 16)
    naive, clustered = (intervals(of_frame, frames, 0.5, 400, generator(), names) for names in (None, videos))
    for name in Measures._fields:
        assert width(clustered[name]) > 2.5 * width(naive[name]), name


def test_equal_frames_in_every_video_give_the_intervals_of_the_videos() -> None:
    labels, scores = cohort(8)
    by_video = intervals(labels, scores, 0.5, 100, generator())
    by_frame = intervals(np.repeat(labels, 4), np.repeat(scores, 4), 0.5, 100, generator(), np.repeat(np.arange(50), 4))
    for name, interval in by_frame.items():
        assert interval == pytest.approx(by_video[name], abs=1e-9)


def test_intervals_do_not_depend_on_video_names_that_sort_the_same_way() -> None:
    labels, scores = cohort(9)
    numbers, names = range(50), [f"{number:03d}" for number in range(50)]
    by_number, by_name = (intervals(labels, scores, 0.5, 50, generator(), videos) for videos in (numbers, names))
    assert by_number == by_name == intervals(labels, scores, 0.5, 50, generator())


def test_intervals_depend_only_on_the_seed_and_contain_the_measures() -> None:
    labels, scores = cohort(10, 60, 60)
    first, second, other = (intervals(labels, scores, 0.5, 300, generator(seed)) for seed in (1, 1, 2))
    assert first == second != other
    point = measure(labels, scores, 0.5)._asdict()
    for name in set(Measures._fields) - {"ece"}:
        low, high = ends(first[name])
        assert low < point[name] < high


@pytest.mark.parametrize("block", [1, 50, 333, 4096])
def test_results_do_not_depend_on_the_block_size(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    labels, scores = cohort(11, decimals=9)
    frames, videos = (np.repeat(labels, 3), np.repeat(scores, 3) ** 1.1), np.repeat(np.arange(50), 3)
    pair = np.stack([scores, scores**2])

    def found() -> object:
        return intervals(*frames, 0.5, 70, generator(), videos), paired_intervals(labels, pair, 0.5, 70, generator())

    expected = found()
    monkeypatch.setattr(metrics, "BLOCK", block)
    assert found() == expected


@pytest.mark.parametrize("resamples", [0, -1])
def test_without_resamples_there_is_no_interval(resamples: int) -> None:
    assert intervals(LABELS, SCORES, 0.5, resamples, generator()) == NOTHING
    assert paired_intervals(LABELS, [SCORES, SCORES], 0.5, resamples, generator()) == ([NOTHING] * 2, [NOTHING] * 2)


def test_one_resample_gives_an_interval_of_zero_width() -> None:
    labels, scores = cohort(12)
    for interval in intervals(labels, scores, 0.5, 1, generator()).values():
        assert interval.low == interval.high is not None


def test_one_video_per_class_gives_intervals_of_zero_width() -> None:
    found = intervals([0, 1], [0.4, 0.7], 0.5, 50, generator())
    point = measure([0, 1], [0.4, 0.7], 0.5)._asdict()
    assert {name: interval.low for name, interval in found.items()} == {name: interval.high for name, interval in found.items()} == point


def test_intervals_cover_the_true_value_in_about_95_per_cent_of_runs() -> None:
    source, labels, runs = np.random.default_rng(13), np.repeat([0, 1], [80, 80]), 300
    held = {"auc": 0, "accuracy": 0}
    share = 0.5 * (1 + math.erf(0.5 / math.sqrt(2)))  # probability that a standard normal variable is below 1/2
    truth = {
        "auc": 0.5 * (1 + math.erf(0.5)),
        "accuracy": share,
    }  # P(real < fake): a normal variable with standard deviation sqrt(2) is below 1
    for run in range(runs):
        found = intervals(labels, source.normal(size=160) + labels, 0.5, 200, generator(run))
        for name, value in truth.items():
            low, high = ends(found[name])
            held[name] += low <= value <= high
    for name, count in held.items():
        assert 0.89 < count / runs < 0.99, name


@pytest.mark.parametrize("label", [0, 1])
def test_one_video_has_zero_width_intervals_of_the_measures_that_need_only_one_class(label: int) -> None:
    labels, scores = [label] * 3, [0.2, 0.3, 0.7]
    found, point = intervals(labels, scores, 0.5, 20, generator(), ["a"] * 3), measure(labels, scores, 0.5)._asdict()
    assert found == {name: Interval(point[name], point[name]) if name in OF_ONE_CLASS else EMPTY for name in Measures._fields}


@pytest.mark.parametrize("label", [0, 1])
def test_videos_of_one_class_have_intervals_of_the_measures_that_need_only_one_class(label: int) -> None:
    scores = cohort(21)[1]
    found = intervals([label] * 50, scores, THRESHOLD, 200, generator())
    assert {name for name, interval in found.items() if interval == EMPTY} == set(Measures._fields) - set(OF_ONE_CLASS)
    low, high = ends(found["accuracy"])
    assert low < np.mean((scores >= THRESHOLD) == label) < high


def test_no_videos_have_no_interval() -> None:
    assert intervals([], [], 0.5, 10, generator()) == NOTHING


def test_scores_that_are_not_probabilities_have_no_intervals_of_log_loss_and_ece() -> None:
    found = intervals([0, 1, 0], [-3.0, 2.5, 0.2], 0.0, 20, generator())
    assert (found["auc"], found["log_loss"], found["ece"]) == ((1, 1), EMPTY, EMPTY)


def test_videos_that_do_not_match_the_items_are_refused() -> None:
    with pytest.raises(ValueError, match=r"videos .* one length"):
        intervals([0, 1], [0.1, 0.2], 0.5, 10, generator(), ["a"])
    with pytest.raises(ValueError, match="both classes"):
        intervals([0, 1], [0.1, 0.2], 0.5, 10, generator(), ["a", "a"])


# --- pairs


def test_paired_detectors_have_the_same_intervals_as_alone() -> None:
    labels, scores = cohort(14)
    own, _ = paired_intervals(labels, [scores, scores**2], 0.3, 100, generator())
    assert own == [intervals(labels, values, 0.3, 100, generator()) for values in (scores, scores**2)]


def test_difference_of_a_detector_from_itself_is_exactly_zero() -> None:
    labels, scores = cohort(15)
    _, differences = paired_intervals(labels, [scores, scores], 0.5, 200, generator())
    assert differences == [dict.fromkeys(Measures._fields, Interval(0.0, 0.0))] * 2


def test_difference_is_the_later_detector_minus_the_first() -> None:
    labels, scores = cohort(16)
    own, (first, better) = paired_intervals(labels, [scores, np.where(labels == 1, 1.0, 0.0)], 0.5, 200, generator())
    assert set(first.values()) == {(0, 0)}
    for name in ("auc", "ap", "accuracy"):
        low, high = ends(own[0][name])
        assert better[name] == pytest.approx((1 - high, 1 - low))
    assert ends(better["eer"])[1] < 0


def test_paired_resamples_give_narrow_differences_of_similar_detectors() -> None:
    labels, scores = cohort(17, 60, 60)
    other = np.clip(scores + np.random.default_rng(18).normal(scale=0.03, size=120), 0, 1)
    own, (_, difference) = paired_intervals(labels, [scores, other], 0.5, 400, generator())
    assert width(difference["auc"]) < 0.4 * width(own[0]["auc"])


def test_a_measure_that_is_undefined_for_one_detector_has_no_difference() -> None:
    labels, scores = cohort(19)
    own, (_, difference) = paired_intervals(labels, [scores, 10 * scores - 5], 0.5, 50, generator())
    assert difference["ece"] == own[1]["ece"] == EMPTY
    assert ends(own[0]["ece"])
    assert difference["auc"] == (0, 0)


def test_scores_of_another_number_of_videos_are_refused() -> None:
    with pytest.raises(ValueError, match="one length"):
        paired_intervals(LABELS, [SCORES[:-1], SCORES[:-1]], 0.5, 10, generator())


# --- size


def test_memory_does_not_grow_with_the_number_of_resamples() -> None:
    videos = np.repeat(np.arange(2000), 32)
    labels, scores = np.arange(2000) % 2, np.random.default_rng(20).random(2000)
    tracemalloc.start()
    try:
        intervals(np.repeat(labels, 32), np.repeat(scores, 32), 0.5, 200, generator(), videos)
        assert tracemalloc.get_traced_memory()[1] < 150e6
    finally:
        tracemalloc.stop()
