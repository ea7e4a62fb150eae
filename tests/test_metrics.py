"""AUC, AP, intervals and bins against values worked out by other means."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from laanet_core.evaluation.bins import bin_label, bin_labels, score_bins
from laanet_core.evaluation.metrics import auc, auc_interval, average_precision, mean, roc_points
from laanet_core.evaluation.tables import FrameScore, video_score
from laanet_core.randomness import numpy_generator

LABELS, SCORES = [0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]


def test_auc_is_the_share_of_pairs_in_order_with_ties_counting_half() -> None:
    assert auc(LABELS, SCORES) == pytest.approx(3 / 4)
    assert auc([0, 1], [0.5, 0.5]) == pytest.approx(1 / 2)


def test_average_precision_is_the_sum_of_precision_at_each_recall_step() -> None:
    assert average_precision(LABELS, SCORES) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)


@pytest.mark.parametrize("labels", [[0, 0], [1, 1], []])
def test_one_class_has_no_auc_no_ap_no_interval_and_no_curve(labels: list[int]) -> None:
    scores = [0.2] * len(labels)
    assert auc(labels, scores) is None
    assert average_precision(labels, scores) is None
    assert auc_interval(labels, scores, 10, np.random.default_rng(0)) == (None, None)
    assert roc_points(labels, scores) == []


def test_scores_that_are_not_finite_or_not_paired_with_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        auc([0, 1], [0.1, float("nan")])
    with pytest.raises(ValueError, match="one length"):
        auc([0, 1], [0.1])


def test_roc_runs_from_corner_to_corner_and_encloses_the_auc() -> None:
    points = roc_points(LABELS, SCORES)
    assert points[0] == (0.0, 0.0, None)
    assert points[-1][:2] == (1.0, 1.0)
    assert np.trapezoid([point.tpr for point in points], [point.fpr for point in points]) == pytest.approx(3 / 4)


def test_interval_is_that_of_a_bootstrap_by_hand_that_keeps_the_size_of_each_class() -> None:
    source = np.random.default_rng(3)
    labels = np.repeat([0, 1], [20, 30])
    scores = np.round(source.normal(size=50) + 0.7 * labels, 1)
    areas = []
    for _ in range(2000):
        drawn = np.concatenate([source.choice(20, 20), 20 + source.choice(30, 30)])
        areas.append(roc_auc_score(labels[drawn], scores[drawn]))
    interval = auc_interval(labels, scores, 2000, np.random.default_rng(4))
    assert interval == pytest.approx(tuple(np.percentile(areas, [2.5, 97.5])), abs=0.015)


def test_interval_depends_on_its_key_alone_and_surrounds_the_auc() -> None:
    labels, scores = [0] * 10 + [1] * 10, list(np.linspace(0, 1, 10)) + list(np.linspace(0.3, 1.2, 10))
    first, second, other = (auc_interval(labels, scores, 200, numpy_generator(seed, "bootstrap", "video")) for seed in (1, 1, 2))
    assert first == second != other
    assert first.low is not None
    assert first.high is not None
    assert first.low < auc(labels, scores) < first.high  # type: ignore[operator]


def test_no_resamples_give_no_interval() -> None:
    assert auc_interval(LABELS, SCORES, 0, np.random.default_rng(0)) == (None, None)


def test_bins_are_half_open_but_the_last_holds_its_upper_edge() -> None:
    edges = [0.0, 0.8, 0.85, 1.0]
    assert bin_labels(edges) == ["0.00-0.80", "0.80-0.85", "0.85-1.00"]
    assert [bin_label(value, edges) for value in (0.0, 0.7999, 0.8, 0.85, 1.0)] == [
        "0.00-0.80", "0.00-0.80", "0.80-0.85", "0.85-1.00", "0.85-1.00",
    ]  # fmt: skip
    assert [bin_label(value, edges) for value in (-0.01, 1.01, float("nan"))] == ["", "", ""]


def test_bin_names_show_every_digit_of_their_edges() -> None:
    assert bin_labels([0.9, 0.975, 1.0]) == ["0.90-0.975", "0.975-1.00"]


def test_each_bin_sets_its_own_fakes_against_all_reals() -> None:
    low, middle, high = score_bins([0.2, 0.6], [0.1, 0.9, 0.4], ["0.00-0.50", "0.50-0.90", "0.50-0.90"], [0, 0.5, 0.9, 1], 50, seed=1)
    assert (low.n_real, low.n_fake, low.auc) == (2, 1, 0.0)
    assert (middle.n_real, middle.n_fake) == (2, 2)
    assert middle.auc == pytest.approx(3 / 4)
    assert high == ("0.90-1.00", 0.9, 1, 2, 0, None, None, None, None)


def test_bins_without_reals_are_there_and_empty() -> None:
    (only,) = score_bins([], [0.9], ["0.00-1.00"], [0, 1], 50, seed=1)
    assert only == ("0.00-1.00", 0, 1, 0, 1, None, None, None, None)


def test_video_score_is_the_mean_over_frames_of_the_most_suspicious_face() -> None:
    assert video_score([FrameScore(0, 0, 0.2), FrameScore(0, 1, 0.6), FrameScore(5, 0, 0.4)]) == pytest.approx(0.5)


def test_mean_of_nothing_is_nothing() -> None:
    assert mean([]) is None
    assert mean([1.0, 2.0]) == pytest.approx(1.5)
