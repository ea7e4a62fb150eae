"""Mask-SSIM bins: names, edges, measures, and the spread of the AUC over the bins."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from laanet_core.evaluation.by_bin import BIN_COLUMNS, score_bins, spread
from laanet_core.quality.bins import bin_label, bin_labels, quantile_edges


def counts(values: list[float], edges: list[float]) -> list[int]:
    return [sum(bin_label(value, edges) == name for value in values) for name in bin_labels(edges)]


def test_bins_are_half_open_but_the_last_includes_its_upper_edge() -> None:
    edges = [0.0, 0.8, 0.85, 1.0]
    assert bin_labels(edges) == ["0.00-0.80", "0.80-0.85", "0.85-1.00"]
    assert [bin_label(value, edges) for value in (0.0, 0.7999, 0.8, 0.85, 1.0)] == [
        "0.00-0.80", "0.00-0.80", "0.80-0.85", "0.85-1.00", "0.85-1.00",
    ]  # fmt: skip
    assert [bin_label(value, edges) for value in (-0.01, 1.01, float("nan"))] == ["", "", ""]


def test_bin_names_show_every_digit_of_their_edges() -> None:
    assert bin_labels([0.9, 0.975, 1.0]) == ["0.90-0.975", "0.975-1.00"]


def test_each_bin_compares_its_own_fakes_with_all_reals() -> None:
    low, middle, high = score_bins([0.2, 0.6], [0.1, 0.9, 0.4], ["0.00-0.50", "0.50-0.90", "0.50-0.90"], [0, 0.5, 0.9, 1], 50, seed=1)
    assert (low.n_real, low.n_fake, low.auc) == (2, 1, 0.0)
    assert (middle.n_real, middle.n_fake) == (2, 2)
    assert middle.auc == pytest.approx(3 / 4)
    assert middle.ap == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert high == ("0.90-1.00", 0.9, 1, 2, 0, None, None, None, None, None, None, 1.0)


def test_bins_without_reals_have_no_measures() -> None:
    (only,) = score_bins([], [0.9], ["0.00-1.00"], [0, 1], 50, seed=1)
    assert only == ("0.00-1.00", 0, 1, 0, 1, None, None, None, None, None, None, 1.0)


def test_videos_without_a_score_only_lower_the_coverage_of_their_bin() -> None:
    low, high = score_bins([0.2, None, 0.6], [0.1, None, 0.9], ["0.00-0.50", "0.00-0.50", "0.50-1.00"], [0, 0.5, 1], 50, seed=1)
    assert (low.n_real, low.n_fake, low.coverage) == (2, 1, 3 / 5)
    assert (high.n_real, high.n_fake, high.coverage) == (2, 1, 3 / 4)
    assert score_bins([], [], [], [0, 1], 50, seed=1)[0].coverage is None


def test_measures_of_a_bin_equal_scikit_learns_and_intervals_depend_only_on_seed_and_bin() -> None:
    source = np.random.default_rng(2)
    reals, fakes = source.normal(size=40), source.normal(size=60) + 1
    names = ["0.00-0.80"] * 25 + ["0.80-1.00"] * 35
    found = score_bins(list(reals), list(fakes), names, [0, 0.8, 1], 200, seed=1)
    for row, inside in zip(found, (fakes[:25], fakes[25:]), strict=True):
        labels, scores = np.repeat([0, 1], [40, len(inside)]), np.concatenate([reals, inside])
        assert row.auc == pytest.approx(roc_auc_score(labels, scores))
        assert row.ap == pytest.approx(average_precision_score(labels, scores))
        assert row.auc_low is not None
        assert row.auc_high is not None
        assert row.ap_low is not None
        assert row.ap_high is not None
        assert row.auc_low < row.auc < row.auc_high  # type: ignore[operator]
        assert row.ap_low < row.ap < row.ap_high  # type: ignore[operator]
    assert found == score_bins(list(reals), list(fakes), names, [0, 0.8, 1], 200, seed=1)
    assert found != score_bins(list(reals), list(fakes), names, [0, 0.8, 1], 200, seed=2)
    assert score_bins(list(reals), list(fakes[25:]), names[25:], [0, 0.8, 1], 200, seed=1)[1] == found[1]


def test_columns_beyond_the_documented_ones_come_last() -> None:
    assert BIN_COLUMNS == ["bin", "low", "high", "n_real", "n_fake", "auc", "ap", "auc_low", "auc_high", "ap_low", "ap_high", "coverage"]


def test_quantile_bins_contain_equal_numbers_of_values() -> None:
    values = [0.5123, 0.6, 0.71, 0.72, 0.83, 0.85, 0.95, 0.9601]
    assert quantile_edges(values, 4) == [0.512, 0.682, 0.775, 0.875, 0.961]
    assert counts(values, quantile_edges(values, 4)) == [2, 2, 2, 2]


def test_quantile_edges_do_not_depend_on_the_order_of_the_values() -> None:
    values = list(np.random.default_rng(4).random(101))
    edges = quantile_edges(values, 5)
    assert edges == quantile_edges(sorted(values), 5)
    assert counts(values, edges) == pytest.approx([20.2] * 5, abs=1.5)  # the edges are rounded


def test_ties_give_fewer_quantile_bins() -> None:
    values = [0.2, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.95]
    assert quantile_edges(values, 4) == [0.2, 0.9, 0.95]
    assert counts(values, quantile_edges(values, 4)) == [1, 7]


@pytest.mark.parametrize(("value", "edges"), [(0.9, [0.9, 0.901]), (1.0, [0.999, 1.0]), (0.9004, [0.9, 0.901]), (0.0, [0.0, 0.001])])
def test_equal_values_give_one_quantile_bin(value: float, edges: list[float]) -> None:
    assert quantile_edges([value] * 3, 5) == edges
    assert counts([value] * 3, edges) == [3]


def test_no_values_give_one_bin_from_0_to_1() -> None:
    assert quantile_edges([], 5) == [0.0, 1.0]


@settings(deadline=None)
@given(st.lists(st.floats(-1, 1) | st.integers(-20, 20).map(lambda value: value / 20), min_size=1, max_size=60), st.integers(2, 20))
def test_every_value_is_in_a_bin_between_ascending_edges_of_three_decimals(values: list[float], count: int) -> None:
    edges = quantile_edges(values, count)
    assert edges == sorted(set(edges)) == [round(edge, 3) for edge in edges]
    assert 2 <= len(edges) <= count + 1
    assert edges[-1] <= 1
    assert sum(counts(values, edges)) == len(values)
    assert min(values) - edges[0] < 0.001 + 1e-12
    assert edges[-1] - max(values) < 0.001 + 1e-12


@pytest.mark.parametrize("value", [0.57, math.nextafter(0.57, 0), math.nextafter(0.57, 1), 0.29])
def test_rounded_outer_edges_contain_all_values(value: float) -> None:
    edges = quantile_edges([value, 0.8, math.nextafter(0.58, 1), 0.9], 2)
    assert edges[0] <= value < edges[-1]


def test_spread_covers_the_bins_with_an_auc() -> None:
    found = spread([0.6, None, 0.9, 0.9])
    assert (found.n_bins, found.lowest, found.highest) == (3, 0.6, 0.9)
    assert found.deviation == pytest.approx(math.sqrt((0.2**2 + 2 * 0.1**2) / 3))


def test_spread_of_one_bin_is_zero_and_of_no_bins_undefined() -> None:
    assert spread([0.7]) == (1, 0.7, 0.7, 0.0)
    assert spread([None]) == spread([]) == (0, None, None, None)
