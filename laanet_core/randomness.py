"""Generators keyed by (seed, purpose, item), so that no draw depends on the number of workers or the order of work."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def seed_of(seed: int, purpose: str, *item: int | str) -> int:
    """63-bit seed from SHA-256 of the key; distinct keys give independent streams."""
    text = "\x1f".join([str(seed), purpose, *map(str, item)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def numpy_generator(seed: int, purpose: str, *item: int | str) -> np.random.Generator:
    """NumPy generator for one purpose and item."""
    return np.random.default_rng(seed_of(seed, purpose, *item))


def torch_generator(seed: int, purpose: str, *item: int | str) -> torch.Generator:
    """CPU torch generator for one purpose and item."""
    import torch

    return torch.Generator().manual_seed(seed_of(seed, purpose, *item))
