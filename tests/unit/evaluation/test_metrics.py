"""Every measure compared with scikit-learn and with values computed by hand."""

import math
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pytest
import sklearn.metrics as reference
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
    """Items with integer weights (counts) and real weights, both classes among those with positive weight; some scores are tied."""

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
    predicted, clipped = (scores >= threshold).astype(float), np.clip(scores, 1e-7, 1 - 1e-7)
    ap = reference.average_precision_score(labels, scores, sample_weight=weights)
    ar = reference.recall_score(labels, predicted, average="macro", sample_weight=weights)
    return {
        "auc": reference.roc_auc_score(labels, scores, sample_weight=weights),
        "ap": ap,
        "ar": ar,
        "f1": reference.f1_score(labels, predicted, average="macro", sample_weight=weights),
        "mf1_published": 2 * ap * ar / (ap + ar),
        "eer": crossing(*reference.roc_curve(labels, scores, sample_weight=weights, drop_intermediate=False)[:2]),
        "accuracy": reference.accuracy_score(labels, predicted, sample_weight=weights),
        "log_loss": reference.log_loss(labels, clipped, sample_weight=weights),
        "ece": calibration_error(labels, scores, weights),
    }


def crossing(fpr: Array, tpr: Array) -> float:
    """False positive rate at which the curve meets the line tpr = 1 - fpr, by bisection of the segments."""
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


def test_every_measure_of_four_videos_equals_the_value_computed_by_hand() -> None:
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


def test_the_published_mf1_differs_from_macro_f1() -> None:
    labels, scores = [0, 0, 0, 1], [0.6, 0.2, 0.1, 0.9]
    found = measure(labels, scores, 0.5)
    assert found.f1 == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert found.mf1_published == pytest.approx(2 * 1 * (5 / 6) / (1 + 5 / 6))


@pytest.mark.parametrize(("threshold", "accuracy"), [(0.8, 0.75), (0.81, 0.5), (0.35, 0.75), (0.0, 0.5)])
def test_a_score_at_the_threshold_is_classified_as_fake(threshold: float, accuracy: float) -> None:
    assert measure(LABELS, SCORES, threshold).accuracy == accuracy


@settings(max_examples=100, deadline=None)
@given(samples(), st.booleans())
def test_every_weighted_measure_equals_scikit_learns(sample: Sample, integer: bool) -> None:
    weights = sample.counts if integer else sample.weights
    assert weighted(sample, weights) == pytest.approx(by_scikit_learn(sample.labels, sample.scores, weights), abs=1e-9)


@quickly
@given(samples())
def test_every_measure_equals_scikit_learns(sample: Sample) -> None:
    point = measure(sample.labels, sample.scores, THRESHOLD)._asdict()
    assert point == pytest.approx(by_scikit_learn(sample.labels, sample.scores, [1] * len(sample.labels)), abs=1e-9)


@quickly
@given(samples())
def test_an_integer_weight_equals_repeating_the_item(sample: Sample) -> None:
    labels, scores = (np.repeat(values, sample.counts) for values in (sample.labels, sample.scores))
    assert weighted(sample, sample.counts) == pytest.approx(measure(labels, scores, THRESHOLD)._asdict(), abs=1e-12)


@quickly
@given(samples())
def test_repeating_every_item_changes_nothing(sample: Sample) -> None:
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
def test_ranking_measures_are_invariant_under_a_monotonic_map(sample: Sample) -> None:
    scores = np.round(sample.scores, 3)
    first, second = (measure(sample.labels, values, THRESHOLD) for values in (scores, 0.1 + scores**2 / 2))
    assert (first.auc, first.ap, first.eer) == (second.auc, second.ap, second.eer)


@quickly
@given(samples())
def test_swapping_classes_and_scores_keeps_symmetric_measures_and_swapping_labels_mirrors_the_auc(sample: Sample) -> None:
    labels, scores = 1 - np.array(sample.labels), np.round(sample.scores, 3)
    point, mirrored = measure(sample.labels, scores, 2), measure(labels, np.round(1 - scores, 3), -1)
    for name in ("auc", "eer", "ar", "f1", "accuracy", "log_loss"):
        assert getattr(mirrored, name) == pytest.approx(getattr(point, name), abs=1e-9)
    assert measure(labels, scores, 0.5).auc == pytest.approx(1 - (point.auc or 0), abs=1e-12)


def test_equal_scores_separate_nothing() -> None:
    found = measure([0, 0, 0, 1], [0.5] * 4, 0.5)
    assert (found.auc, found.ap, found.ar, found.eer, found.accuracy) == (0.5, 0.25, 0.5, 0.5, 0.25)
    assert found.f1 == pytest.approx(0.5 * 2 / 5)
    assert found.log_loss == pytest.approx(math.log(2))
    assert found.ece == pytest.approx(0.25)


def test_perfect_separation_has_the_best_values_and_its_reverse_the_worst() -> None:
    best, worst = measure([0, 0, 1], [0.0, 0.1, 1.0], 0.5), measure([1, 1, 0], [0.0, 0.1, 1.0], 0.5)
    assert best[:7] == (1, 1, 1, 1, 1, 0, 1)
    assert (worst.auc, worst.eer, worst.ar, worst.accuracy) == (0, 1, 0, 0)


def test_equal_error_rate_is_interpolated_between_corners() -> None:
    assert measure([1, 0, 1, 0, 0], [0.9, 0.7, 0.5, 0.3, 0.1], 0.5).eer == pytest.approx(1 / 3)
    assert measure([1, 0, 0, 1, 0], [0.9, 0.5, 0.5, 0.5, 0.1], 0.5).eer == pytest.approx(2 / 7)


def test_log_loss_of_a_confident_error_is_bounded() -> None:
    assert measure([0, 1], [1.0, 0.0], 0.5).log_loss == pytest.approx(-math.log(1e-7))
    assert measure([0, 1], [0.0, 1.0], 0.5).log_loss == pytest.approx(1e-7, rel=1e-3)


def test_calibration_bins_include_their_lower_edge_and_the_last_one_also_1() -> None:
    assert measure([1, 0], [3 / 15, 3.5 / 15], 0.5).ece == pytest.approx(abs(1 - 6.5 / 15) / 2)
    assert measure([1, 0], [2.99 / 15, 3 / 15], 0.5).ece == pytest.approx((1 - 2.99 / 15 + 3 / 15) / 2)
    assert measure([1, 0], [14 / 15, 1.0], 0.5).ece == pytest.approx((29 / 15 - 1) / 2)


@pytest.mark.parametrize("labels", [[0, 0], [1, 1], [0], [1]])
def test_one_class_has_only_the_measures_that_need_one_class(labels: list[int]) -> None:
    scores = [0.2] * len(labels)
    found = measure(labels, scores, 0.5)
    assert [getattr(found, name) for name in RANKED] == [None] * len(RANKED)
    assert found.accuracy == 1 - labels[0]
    assert found.log_loss == pytest.approx(-math.log(0.2 if labels[0] else 0.8))
    assert found.ece == pytest.approx(0.8 if labels[0] else 0.2)
    assert roc_points(labels, scores) == []


def test_no_items_have_no_measures() -> None:
    assert set(measure([], [], 0.5)) == {None}
    assert roc_points([], []) == []


def test_scores_that_are_not_probabilities_have_no_log_loss_and_no_ece() -> None:
    found = measure([0, 1, 0], [-3.0, 2.5, 0.2], 0.0)
    assert found.auc == 1
    assert found.accuracy == pytest.approx(2 / 3)
    assert (found.log_loss, found.ece) == (None, None)


def test_invalid_input_is_refused() -> None:
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


def test_roc_curve_runs_from_0_0_to_1_1_and_its_area_is_the_auc() -> None:
    points = roc_points(LABELS, SCORES)
    assert points[0] == (0.0, 0.0, None)
    assert points[-1][:2] == (1.0, 1.0)
    assert np.trapezoid([point.tpr for point in points], [point.fpr for point in points]) == pytest.approx(3 / 4)


def test_mean_of_no_values_is_none() -> None:
    assert mean([]) is None
    assert mean([1.0, 2.0]) == pytest.approx(1.5)
