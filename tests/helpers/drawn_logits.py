"""Logits of an imagined network, whose true probabilities are known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def sigmoid(values: Floats) -> Floats:
    return 1 / (1 + np.exp(-values))


def drawn(seed: int, count: int, slope: float, intercept: float) -> tuple[Floats, NDArray[np.bool_]]:
    """Logits of a network, and labels of which sigmoid(slope * logit + intercept) is the probability."""
    random = np.random.default_rng(seed)
    logits = 3 * random.standard_normal(count) + 1
    return logits, random.random(count) < sigmoid(slope * logits + intercept)
