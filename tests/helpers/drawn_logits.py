"""Simulated logits with known true probabilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def sigmoid(values: Floats) -> Floats:
    return 1 / (1 + np.exp(-values))


def drawn(seed: int, count: int, slope: float, intercept: float) -> tuple[Floats, NDArray[np.bool_]]:
    """Random logits, and labels that are 1 with probability sigmoid(slope * logit + intercept)."""
    random = np.random.default_rng(seed)
    logits = 3 * random.standard_normal(count) + 1
    return logits, random.random(count) < sigmoid(slope * logits + intercept)
