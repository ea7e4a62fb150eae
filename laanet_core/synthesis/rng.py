"""Counter-based random numbers: functions of (key, purpose, position), equal on any device, in any batch and in any order of calls."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from laanet_core.errors import LaanetError

_Words = TypeVar("_Words", NDArray[np.int64], Tensor)


def draw_keys(count: int, generator: torch.Generator) -> NDArray[np.int64]:
    """Draw keys (count,) for `Rng` from a generator on any device, with one draw per item."""
    return torch.randint(2**63 - 1, (count,), generator=generator, device=generator.device).cpu().numpy()


class Rng:
    """Counter-based random numbers for a batch of items with keys (B,), int64 from 0 to below 2^63.

    Each purpose is a separate stream, so that adding a purpose changes no other. The numbers are outputs of SplitMix64 (Steele et al.
    2014), whose state after n steps is the initial state plus n times a constant, so that any position can be computed directly.
    Raises LaanetError for other keys.
    """

    def __init__(self, keys: NDArray[np.int64]) -> None:
        if keys.dtype != np.int64 or keys.ndim != 1 or (keys < 0).any():
            raise LaanetError(f"keys: {keys.dtype} of shape {keys.shape}; give int64 (B,), none of them negative.")
        self.keys = keys

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, items: Any) -> Rng:
        """The generator of the given items."""
        return Rng(self.keys[items])

    def uniform(self, purpose: str, low: float = 0.0, high: float = 1.0, *, count: int | None = None) -> NDArray[np.float64]:
        """Uniform numbers in [low, high), float64 (B,), or (B, count) if a count is given."""
        words = _words(self._start(purpose)[:, None], np.arange(1, (count or 1) + 1, dtype=np.int64))
        values = np.asarray(low + (high - low) * (_shift(words, 11) * 2.0**-53), np.float64)
        return values if count else values[:, 0]

    def bernoulli(self, purpose: str, probability: float) -> NDArray[np.bool_]:
        """True with the given probability, bool (B,)."""
        return self.uniform(purpose) < probability

    def integers(self, purpose: str, low: int, high: int) -> NDArray[np.int64]:
        """Uniform integers (B,) from low to high, both included."""
        return low + (self.uniform(purpose) * (high - low + 1)).astype(np.int64)

    def choice(self, purpose: str, values: Sequence[Any]) -> NDArray[Any]:
        """One of the values for each item, with equal probabilities: (B,)."""
        return np.asarray(values)[self.integers(purpose, 0, len(values) - 1)]

    def field(self, purpose: str, shape: Sequence[int], device: torch.device) -> Tensor:
        """Uniform numbers in [0, 1) with 24 random bits, float32 (B, *shape) on the device."""
        return (self._bulk(purpose, math.prod(shape), torch.int32, device) >> 8 & 0xFFFFFF).mul(2.0**-24).view(-1, *shape)

    def noise_bytes(self, purpose: str, shape: Sequence[int], device: torch.device) -> Tensor:
        """Uniform random bytes, uint8 (B, *shape) on the device."""
        return self._bulk(purpose, math.prod(shape), torch.uint8, device).view(-1, *shape)

    def _bulk(self, purpose: str, count: int, dtype: torch.dtype, device: torch.device) -> Tensor:
        """The first `count` elements of type `dtype` in each item's stream of 64-bit words: (B, count)."""
        start = torch.from_numpy(self._start(purpose)).to(device)
        elements_per_word = 8 // dtype.itemsize
        words = _words(start[:, None], torch.arange(1, -(-count // elements_per_word) + 1, device=device))
        return words.view(dtype)[:, :count].contiguous()

    def _start(self, purpose: str) -> NDArray[np.int64]:
        """Initial state of each item's stream, (B,)."""
        return _mix(_mix(self.keys) ^ _purpose_code(purpose))


def _words(start: _Words, position: _Words) -> _Words:
    """The 64-bit words at the positions of streams with the given initial states."""
    return _mix(start + position * -0x61C8864680B583EB)  # 2^64 / golden ratio, as a signed number


def _mix(words: _Words) -> _Words:
    """SplitMix64's output function on 64-bit words; products wrap around."""
    words = (words ^ _shift(words, 30)) * -0x40A7B892E31B1A47
    words = (words ^ _shift(words, 27)) * -0x6B2FB644ECCEEE15
    return words ^ _shift(words, 31)


def _shift(words: _Words, by: int) -> _Words:
    """Logical right shift."""
    return (words >> by) & ((1 << (64 - by)) - 1)


@lru_cache(maxsize=256)
def _purpose_code(purpose: str) -> int:
    """Signed 64-bit hash of a purpose."""
    return int.from_bytes(hashlib.sha256(purpose.encode()).digest()[:8], "big", signed=True)
