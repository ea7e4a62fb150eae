"""Random generators keyed by (seed, purpose, item), so that results do not depend on the number of workers or the order of work."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def seed_of(seed: int, purpose: str, *item: int | str) -> int:
    """Derive a 63-bit seed from the SHA-256 of the key; distinct keys give independent random streams."""
    text = "\x1f".join([str(seed), purpose, *map(str, item)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def numpy_generator(seed: int, purpose: str, *item: int | str) -> np.random.Generator:
    """Return the NumPy generator of one purpose and item."""
    return np.random.default_rng(seed_of(seed, purpose, *item))


def torch_generator(seed: int, purpose: str, *item: int | str) -> torch.Generator:
    """Return the torch generator (on the CPU) of one purpose and item."""
    import torch

    return torch.Generator().manual_seed(seed_of(seed, purpose, *item))
