"""Counter-based random numbers: equal to the published generator, uniform, independent, and separate for each item."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import chi2, norm

from laanet_core.errors import LaanetError
from laanet_core.synthesis.rng import Rng, _mix, _words, draw_keys

CPU = torch.device("cpu")
MANY = 100_000
PURPOSES = ["hull", "elastic", "noise", "scale", "shift x", "shift y", "a", ""]


def keys_of(count: int, seed: int = 0) -> NDArray[np.int64]:
    return draw_keys(count, torch.Generator().manual_seed(seed))


def splitmix64(state: int, count: int) -> list[int]:
    """The first words after a state, step by step as in Steele, Lea and Flood (2014), fig. 17, with the constants of Vigna's C code."""
    words = []
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        word = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        word = (word ^ word >> 27) * 0x94D049BB133111EB % 2**64
        words.append(word ^ word >> 31)
    return words


def stream(key: int, purpose: str, count: int) -> list[int]:
    """The words of a key and a purpose in plain integers."""
    code = int.from_bytes(hashlib.sha256(purpose.encode()).digest()[:8], "big")
    return splitmix64(mixed(mixed(key) ^ code), count)


def mixed(word: int) -> int:
    """SplitMix64's output function, by stepping from the state before `word`."""
    return splitmix64(word - 0x9E3779B97F4A7C15, 1)[0]


def chi_square(counts: NDArray[np.int64]) -> float:
    """Cumulative probability of the chi-square statistic of counts with equal expectations."""
    expected = counts.sum() / len(counts)
    return float(chi2.cdf(((counts - expected) ** 2 / expected).sum(), len(counts) - 1))


def signed(words: list[int]) -> list[int]:
    return [word - 2**64 if word >= 2**63 else word for word in words]


def test_words_equal_the_published_ones_of_splitmix64() -> None:
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821]
    assert splitmix64(1234567, 5) == published
    assert _words(np.array([1234567]), np.arange(1, 6)).tolist() == signed(published)


@given(state=st.integers(-(2**63), 2**63 - 1), position=st.integers(1, 2**40))
def test_numpy_and_torch_give_splitmix64s_word_at_any_position(state: int, position: int) -> None:
    [word] = signed(splitmix64(state + (position - 1) * 0x9E3779B97F4A7C15, 1))
    assert _words(np.array([state]), np.array([position])).tolist() == [word]
    assert _words(torch.tensor([state]), torch.tensor([position])).tolist() == [word]
    assert _mix(np.array([state])).tolist() == _mix(torch.tensor([state])).tolist() == signed([mixed(state)])


@given(key=st.integers(0, 2**63 - 1), purpose=st.text(max_size=20))
def test_numbers_are_computed_from_the_words_of_the_stream(key: int, purpose: str) -> None:
    words, draws = stream(key, purpose, 6), Rng(np.array([key]))
    assert draws.uniform(purpose, count=6)[0].tolist() == [(word >> 11) / 2**53 for word in words]
    assert draws.uniform(purpose).tolist() == [(words[0] >> 11) / 2**53]
    content = b"".join(word.to_bytes(8, "little") for word in words)
    assert bytes(draws.noise_bytes(purpose, (48,), CPU)[0].tolist()) == content
    halves = [int.from_bytes(content[at : at + 4], "little") for at in range(0, 44, 4)]
    assert draws.field(purpose, (11,), CPU)[0].tolist() == [(half >> 8) / 2**24 for half in halves]


@pytest.mark.parametrize("numbers", ["of many items", "of one item", "of a field"])
def test_numbers_are_uniform_in_0_to_1(numbers: str) -> None:
    if numbers == "of many items":
        values = Rng(keys_of(MANY)).uniform("a")
    elif numbers == "of one item":
        values = Rng(keys_of(1)).uniform("a", count=MANY)[0]
    else:
        values = Rng(keys_of(1)).field("a", (MANY,), CPU)[0].double().numpy()
    assert 0 <= values.min() < 1e-4
    assert 1 - 1e-4 < values.max() < 1
    assert values.mean() == pytest.approx(1 / 2, abs=4 * np.sqrt(1 / 12 / MANY))
    assert values.var() == pytest.approx(1 / 12, abs=4 * np.sqrt(1 / 180 / MANY))
    assert 0.001 < chi_square(np.bincount((values * 1000).astype(int), minlength=1000)) < 0.999
    assert abs(np.corrcoef(values[1:], values[:-1])[0, 1]) < 4 / np.sqrt(MANY), "successive numbers are independent"


def test_consecutive_keys_give_uniform_numbers_too() -> None:
    values = Rng(np.arange(MANY)).uniform("a")
    assert 0.001 < chi_square(np.bincount((values * 1000).astype(int), minlength=1000)) < 0.999
    assert abs(np.corrcoef(values[1:], values[:-1])[0, 1]) < 4 / np.sqrt(MANY)


def test_purposes_and_keys_are_independent_of_each_other() -> None:
    draws = Rng(np.arange(len(PURPOSES)))
    by_purpose = np.stack([Rng(keys_of(20_000)).uniform(purpose) for purpose in PURPOSES])
    by_key = draws.uniform("a", count=20_000)
    for values in (by_purpose, by_key):
        correlation = np.corrcoef(values) - np.eye(len(values))
        assert np.abs(correlation).max() < norm.ppf(1 - 1e-5) / np.sqrt(20_000)


def test_bytes_are_uniform_and_their_bits_equally_often_0_and_1() -> None:
    values = Rng(keys_of(10)).noise_bytes("noise", (10, 1000), CPU)
    assert values.dtype == torch.uint8
    assert values.shape == (10, 10, 1000)
    assert 0.001 < chi_square(np.bincount(values.flatten().numpy(), minlength=256)) < 0.999
    bits = np.unpackbits(values.numpy().reshape(-1, 1), axis=1).mean(axis=0)
    assert np.abs(bits - 0.5).max() < 4 * 0.5 / np.sqrt(MANY)


def test_ranges_are_kept_and_filled() -> None:
    draws = Rng(keys_of(MANY))
    for low, high, values in ((-3.0, 5.0, draws.uniform("a", -3, 5)), (0.25, 0.5, draws.uniform("a", 0.25, 0.5))):
        assert values.dtype == np.float64
        assert low <= values.min() < low + 1e-3 * (high - low)
        assert high - 1e-3 * (high - low) < values.max() < high
    assert (draws.uniform("a", 7, 7) == 7).all()
    assert draws.uniform("a", count=3).shape == (MANY, 3)


def test_integers_reach_both_bounds_and_are_equally_frequent() -> None:
    values = Rng(keys_of(MANY)).integers("a", -2, 4)
    assert values.dtype == np.int64
    assert sorted(set(values.tolist())) == list(range(-2, 5))
    assert 0.001 < chi_square(np.bincount(values + 2)) < 0.999
    assert (Rng(keys_of(9)).integers("a", 5, 5) == 5).all()


def test_a_choice_is_one_of_the_values_each_equally_frequent() -> None:
    draws = Rng(keys_of(MANY))
    ratios = draws.choice("ratio", [0.25, 0.5, 1.0, 1.0])
    assert np.unique(ratios).tolist() == [0.25, 0.5, 1.0]
    assert (ratios == 1).mean() == pytest.approx(0.5, abs=0.007)
    names, counts = np.unique(draws.choice("hull", ["face", "full", "components"]), return_counts=True)
    assert names.tolist() == ["components", "face", "full"]
    assert 0.001 < chi_square(counts) < 0.999
    assert (draws.choice("one", [3.5]) == 3.5).all()


@pytest.mark.parametrize("probability", [0, 0.003, 0.3, 0.5, 1])
def test_bernoulli_is_true_with_the_given_probability(probability: float) -> None:
    values = Rng(keys_of(MANY)).bernoulli("a", probability)
    assert values.dtype == np.bool_
    spread = 4 * np.sqrt(probability * (1 - probability) / MANY)
    assert abs(values.mean() - probability) <= spread


def test_an_item_has_the_same_numbers_in_any_batch() -> None:
    keys = keys_of(12)
    draws, items = Rng(keys), np.array([7, 0, 7, 11])
    selected = np.isin(np.arange(12), items)
    assert len(draws) == 12
    for part, at in ((draws[items], items), (draws[selected], np.flatnonzero(selected)), (draws[3:5], np.arange(3, 5))):
        assert len(part) == len(at)
        assert np.array_equal(part.uniform("a", count=3), draws.uniform("a", count=3)[at])
        assert np.array_equal(part.integers("a", 0, 99), draws.integers("a", 0, 99)[at])
        assert torch.equal(part.field("a", (2, 5), CPU), draws.field("a", (2, 5), CPU)[at])
        assert torch.equal(part.noise_bytes("a", (3, 7), CPU), draws.noise_bytes("a", (3, 7), CPU)[at])
    assert np.array_equal(Rng(keys[5:6]).uniform("a"), draws.uniform("a")[5:6])


def test_the_same_key_gives_the_same_numbers_and_another_key_or_purpose_others() -> None:
    draws, again = Rng(np.array([5, 6])), Rng(np.array([5, 6]))
    again.uniform("something else", count=100)
    first, second = draws.uniform("a", count=50)
    assert np.array_equal(again.uniform("a", count=50), [first, second])
    other = draws.uniform("b", count=50)[0]
    assert len({*first.tolist(), *second.tolist(), *other.tolist()}) == 150


@pytest.mark.parametrize("count", [1, 2, 7, 9, 64])
def test_a_larger_count_starts_with_the_same_numbers(count: int) -> None:
    draws = Rng(keys_of(4))
    assert np.array_equal(draws.uniform("a", count=count), draws.uniform("a", count=100)[:, :count])
    assert torch.equal(draws.field("a", (count,), CPU), draws.field("a", (100,), CPU)[:, :count])
    assert torch.equal(draws.noise_bytes("a", (count,), CPU), draws.noise_bytes("a", (100,), CPU)[:, :count])


def test_fields_have_the_given_shape_and_24_bits() -> None:
    field = Rng(keys_of(3)).field("elastic", (2, 5, 7), CPU)
    assert field.dtype == torch.float32
    assert field.shape == (3, 2, 5, 7)
    assert torch.equal(field * 2**24, (field * 2**24).round())
    assert field.is_contiguous()


def test_a_batch_can_be_empty() -> None:
    none = Rng(np.empty(0, np.int64))
    assert none.uniform("a").shape == (0,)
    assert none.uniform("a", count=4).shape == (0, 4)
    assert none.bernoulli("a", 0.5).shape == (0,)


@pytest.mark.parametrize(
    "keys",
    [np.array([1.0, 2.0]), np.array([1, 2], np.int32), np.array([1, 2], np.uint64), np.array([[1, 2]]), np.array(1), np.array([3, -1])],
    ids=["float", "int32", "uint64", "two dimensions", "no dimension", "negative"],
)
def test_wrong_keys_are_one_clear_sentence(keys: NDArray[np.int64]) -> None:
    with pytest.raises(LaanetError, match=r"^keys: .* of shape .*; give int64 \(B,\), none of them negative\.$"):
        Rng(keys)


def test_keys_take_one_draw_per_item() -> None:
    together, in_parts = torch.Generator().manual_seed(3), torch.Generator().manual_seed(3)
    keys = draw_keys(40, together)
    assert keys.dtype == np.int64
    assert (keys >= 0).all()
    assert len(set(keys.tolist())) == 40
    assert np.array_equal(keys, np.concatenate([draw_keys(count, in_parts) for count in (1, 16, 0, 23)]))
    assert torch.equal(together.get_state(), in_parts.get_state())
    assert np.array_equal(keys[:5], keys_of(5, seed=3))
