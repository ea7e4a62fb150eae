"""Every measure against scikit-learn and against cases worked out by hand."""

import math
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pytest
import sklearn.metrics as judge
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from laanet_core.evaluation.metrics import mean, measure, roc_points
from laanet_core.evaluation.weighted import ScoredItems

Array = NDArray[np.float64]
LABELS, SCORES = [0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]
RANKED = ("auc", "ap", "ar", "f1", "mf1_published", "eer")
THRESHOLD = 0.45
quickly = settings(max_examples=60, deadline=None)


class Sample(NamedTuple):
    """Items with whole and with broken weights, both classes among those that count; grid scores tie."""

    labels: list[int]
    scores: list[float]
    counts: list[int]
    weights: list[float]


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    size = draw(st.integers(2, 40))
    score = draw(st.sampled_from([st.floats(0, 1), st.integers(0, 6).map(lambda value: value / 6)]))
    labels = [0, 1, *draw(st.lists(st.integers(0, 1), min_size=size - 2, max_size=size - 2))]
    scores = draw(st.lists(score, min_size=size, max_size=size))
    counts = [1, 1, *draw(st.lists(st.integers(0, 3), min_size=size - 2, max_size=size - 2))]
    return Sample(labels, scores, counts, [count * draw(st.floats(0.1, 2)) for count in counts])


def weighted(sample: Sample, weights: list[Any]) -> dict[str, float]:
    videos = np.arange(len(sample.labels))
    items = ScoredItems(np.array(sample.labels), np.array(sample.scores), THRESHOLD, videos)
    return {name: float(values[0]) for name, values in items.measures(np.array([weights], dtype=float)).items()}


def by_scikit_learn(labels: Any, scores: Any, weights: Any, threshold: float = THRESHOLD) -> dict[str, float]:
    labels, scores, weights = (np.asarray(values, dtype=float) for values in (labels, scores, weights))
    called, clipped = (scores >= threshold).astype(float), np.clip(scores, 1e-7, 1 - 1e-7)
    ap = judge.average_precision_score(labels, scores, sample_weight=weights)
    ar = judge.recall_score(labels, called, average="macro", sample_weight=weights)
    return {
        "auc": judge.roc_auc_score(labels, scores, sample_weight=weights),
        "ap": ap,
        "ar": ar,
        "f1": judge.f1_score(labels, called, average="macro", sample_weight=weights),
        "mf1_published": 2 * ap * ar / (ap + ar),
        "eer": crossing(*judge.roc_curve(labels, scores, sample_weight=weights, drop_intermediate=False)[:2]),
        "accuracy": judge.accuracy_score(labels, called, sample_weight=weights),
        "log_loss": judge.log_loss(labels, clipped, sample_weight=weights),
        "ece": calibration_error(labels, scores, weights),
    }


def crossing(fpr: Array, tpr: Array) -> float:
    """Where the curve meets the line tpr = 1 - fpr, by halving each segment's ends."""
    for (x0, y0), (x1, y1) in pairwise(zip(fpr, tpr, strict=True)):
        if x0 + y0 <= 1 <= x1 + y1 + 1e-12:
            low, high = 0.0, 1.0
            for _ in range(60):
                middle = (low + high) / 2
                below = x0 + middle * (x1 - x0) + y0 + middle * (y1 - y0) < 1
                low, high = (middle, high) if below else (low, middle)
            return float(x0 + high * (x1 - x0))
    raise AssertionError("a curve from (0, 0) to (1, 1) crosses the line")


def calibration_error(labels: Array, scores: Array, weights: Array) -> float:
    total = 0.0
    for place in range(15):
        inside = (scores >= place / 15) & ((scores < (place + 1) / 15) | (place == 14))
        if weights[inside].sum() > 0:
            label, score = (np.average(values[inside], weights=weights[inside]) for values in (labels, scores))
            total += float(weights[inside].sum() / weights.sum() * abs(label - score))
    return total


# --- the measures


def test_every_measure_of_four_videos_is_that_worked_out_by_hand() -> None:
    found = measure(LABELS, SCORES, 0.4)
    assert found.auc == pytest.approx(3 / 4)
    assert found.ap == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert found.ar == pytest.approx(1 / 2)
    assert found.f1 == pytest.approx(1 / 2)
    assert found.mf1_published == pytest.approx(2 * (5 / 6) * (1 / 2) / (5 / 6 + 1 / 2))
    assert found.eer == pytest.approx(1 / 2)
    assert found.accuracy == pytest.approx(1 / 2)
    assert found.log_loss == pytest.approx(-(math.log(0.9) + math.log(0.6) + math.log(0.35) + math.log(0.8)) / 4)
    assert found.ece == pytest.approx((0.1 + 0.4 + 0.65 + 0.2) / 4)


def test_the_published_f1_is_not_the_usual_one() -> None:
    labels, scores = [0, 0, 0, 1], [0.6, 0.2, 0.1, 0.9]
    found = measure(labels, scores, 0.5)
    assert found.f1 == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert found.mf1_published == pytest.approx(2 * 1 * (5 / 6) / (1 + 5 / 6))


@pytest.mark.parametrize(("threshold", "accuracy"), [(0.8, 0.75), (0.81, 0.5), (0.35, 0.75), (0.0, 0.5)])
def test_a_score_at_the_threshold_is_called_fake(threshold: float, accuracy: float) -> None:
    assert measure(LABELS, SCORES, threshold).accuracy == accuracy


@settings(max_examples=100, deadline=None)
@given(samples(), st.booleans())
def test_every_measure_is_that_of_scikit_learn_for_any_weights(sample: Sample, whole: bool) -> None:
    weights = sample.counts if whole else sample.weights
    assert weighted(sample, weights) == pytest.approx(by_scikit_learn(sample.labels, sample.scores, weights), abs=1e-9)


@quickly
@given(samples())
def test_every_measure_is_that_of_scikit_learn(sample: Sample) -> None:
    point = measure(sample.labels, sample.scores, THRESHOLD)._asdict()
    assert point == pytest.approx(by_scikit_learn(sample.labels, sample.scores, [1] * len(sample.labels)), abs=1e-9)


@quickly
@given(samples())
def test_a_weight_is_how_often_an_item_is_there(sample: Sample) -> None:
    labels, scores = (np.repeat(values, sample.counts) for values in (sample.labels, sample.scores))
    assert weighted(sample, sample.counts) == pytest.approx(measure(labels, scores, THRESHOLD)._asdict(), abs=1e-12)


@quickly
@given(samples())
def test_every_item_twice_changes_nothing(sample: Sample) -> None:
    twice = measure(sample.labels * 2, sample.scores * 2, THRESHOLD)
    assert twice._asdict() == pytest.approx(measure(sample.labels, sample.scores, THRESHOLD)._asdict(), abs=1e-12)


@quickly
@given(samples(), st.permutations(range(40)))
def test_the_order_of_the_items_does_not_matter(sample: Sample, order: list[int]) -> None:
    places = [place for place in order if place < len(sample.labels)]
    shuffled = measure(np.array(sample.labels)[places], np.array(sample.scores)[places], THRESHOLD)
    assert shuffled._asdict() == pytest.approx(measure(sample.labels, sample.scores, THRESHOLD)._asdict(), abs=1e-12)


@quickly
@given(samples())
def test_what_depends_on_the_order_alone_survives_a_rising_map(sample: Sample) -> None:
    scores = np.round(sample.scores, 3)
    first, second = (measure(sample.labels, values, THRESHOLD) for values in (scores, 0.1 + scores**2 / 2))
    assert (first.auc, first.ap, first.eer) == (second.auc, second.ap, second.eer)


@quickly
@given(samples())
def test_swapped_classes_with_swapped_scores_keep_the_symmetric_measures_and_swapped_labels_alone_turn_the_auc(sample: Sample) -> None:
    labels, scores = 1 - np.array(sample.labels), np.round(sample.scores, 3)
    point, mirrored = measure(sample.labels, scores, 2), measure(labels, np.round(1 - scores, 3), -1)
    for name in ("auc", "eer", "ar", "f1", "accuracy", "log_loss"):
        assert getattr(mirrored, name) == pytest.approx(getattr(point, name), abs=1e-9)
    assert measure(labels, scores, 0.5).auc == pytest.approx(1 - (point.auc or 0), abs=1e-12)


def test_equal_scores_tell_nothing_apart() -> None:
    found = measure([0, 0, 0, 1], [0.5] * 4, 0.5)
    assert (found.auc, found.ap, found.ar, found.eer, found.accuracy) == (0.5, 0.25, 0.5, 0.5, 0.25)
    assert found.f1 == pytest.approx(0.5 * 2 / 5)
    assert found.log_loss == pytest.approx(math.log(2))
    assert found.ece == pytest.approx(0.25)


def test_a_perfect_separation_is_perfect_and_its_reverse_is_as_bad_as_can_be() -> None:
    best, worst = measure([0, 0, 1], [0.0, 0.1, 1.0], 0.5), measure([1, 1, 0], [0.0, 0.1, 1.0], 0.5)
    assert best[:7] == (1, 1, 1, 1, 1, 0, 1)
    assert (worst.auc, worst.eer, worst.ar, worst.accuracy) == (0, 1, 0, 0)


def test_equal_error_rate_lies_between_corners_where_no_threshold_has_equal_errors() -> None:
    assert measure([1, 0, 1, 0, 0], [0.9, 0.7, 0.5, 0.3, 0.1], 0.5).eer == pytest.approx(1 / 3)
    assert measure([1, 0, 0, 1, 0], [0.9, 0.5, 0.5, 0.5, 0.1], 0.5).eer == pytest.approx(2 / 7)


def test_log_loss_of_a_certain_error_is_bounded() -> None:
    assert measure([0, 1], [1.0, 0.0], 0.5).log_loss == pytest.approx(-math.log(1e-7))
    assert measure([0, 1], [0.0, 1.0], 0.5).log_loss == pytest.approx(1e-7, rel=1e-3)


def test_calibration_error_holds_the_lower_edge_of_a_bin_and_one() -> None:
    assert measure([1, 0], [3 / 15, 3.5 / 15], 0.5).ece == pytest.approx(abs(1 - 6.5 / 15) / 2)
    assert measure([1, 0], [2.99 / 15, 3 / 15], 0.5).ece == pytest.approx((1 - 2.99 / 15 + 3 / 15) / 2)
    assert measure([1, 0], [14 / 15, 1.0], 0.5).ece == pytest.approx((29 / 15 - 1) / 2)


@pytest.mark.parametrize("labels", [[0, 0], [1, 1], [0], [1]])
def test_one_class_has_what_needs_no_other_class(labels: list[int]) -> None:
    scores = [0.2] * len(labels)
    found = measure(labels, scores, 0.5)
    assert [getattr(found, name) for name in RANKED] == [None] * len(RANKED)
    assert found.accuracy == 1 - labels[0]
    assert found.log_loss == pytest.approx(-math.log(0.2 if labels[0] else 0.8))
    assert found.ece == pytest.approx(0.8 if labels[0] else 0.2)
    assert roc_points(labels, scores) == []


def test_nothing_has_no_measure() -> None:
    assert set(measure([], [], 0.5)) == {None}
    assert roc_points([], []) == []


def test_scores_that_are_no_probabilities_are_ranked_but_have_no_log_loss_and_no_calibration() -> None:
    found = measure([0, 1, 0], [-3.0, 2.5, 0.2], 0.0)
    assert found.auc == 1
    assert found.accuracy == pytest.approx(2 / 3)
    assert (found.log_loss, found.ece) == (None, None)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        measure([0, 1], [0.1, float("nan")], 0.5)
    with pytest.raises(ValueError, match="one length"):
        measure([0, 1], [0.1], 0.5)
    with pytest.raises(ValueError, match=r"0 \(real\) or 1 \(fake\)"):
        measure([0, 2], [0.1, 0.2], 0.5)


# --- the curve


def test_auc_is_the_share_of_pairs_in_order_with_ties_counting_half() -> None:
    assert measure(LABELS, SCORES, 0.5).auc == pytest.approx(3 / 4)
    assert measure([0, 1], [0.5, 0.5], 0.5).auc == pytest.approx(1 / 2)
    assert measure([0, 0, 1, 1], [0.1, 0.5, 0.5, 0.3], 0.5).auc == pytest.approx(2.5 / 4)


def test_roc_runs_from_corner_to_corner_and_encloses_the_auc() -> None:
    points = roc_points(LABELS, SCORES)
    assert points[0] == (0.0, 0.0, None)
    assert points[-1][:2] == (1.0, 1.0)
    assert np.trapezoid([point.tpr for point in points], [point.fpr for point in points]) == pytest.approx(3 / 4)


def test_mean_of_nothing_is_nothing() -> None:
    assert mean([]) is None
    assert mean([1.0, 2.0]) == pytest.approx(1.5)
