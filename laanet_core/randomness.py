"""Random generators keyed by (seed, purpose, item), so that results do not depend on the number of workers or the order of work."""

from __future__ import annotations

import hashlib

import numpy as np


def seed_of(seed: int, purpose: str, *item: int | str) -> int:
    """Derive a 63-bit seed from the SHA-256 of the key; distinct keys give independent random streams."""
    text = "\x1f".join([str(seed), purpose, *map(str, item)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def numpy_generator(seed: int, purpose: str, *item: int | str) -> np.random.Generator:
    """Return the NumPy generator of one purpose and item."""
    return np.random.default_rng(seed_of(seed, purpose, *item))
