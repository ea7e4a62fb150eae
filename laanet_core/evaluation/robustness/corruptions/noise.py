"""Gaussian noise."""

from __future__ import annotations

import numpy as np

from laanet_core.evaluation.robustness.corruption import Corruption, to_uint8
from laanet_core.types import Image

YCBCR_TO_RGB = np.array([[1.0, 1.0, 1.0], [0.0, -0.344136, 1.772], [1.402, -0.714136, 0.0]])
"""Rows: what one unit of Y, Cb and Cr adds to R, G and B; BT.601, full range (JPEG)."""


def add_noise(image: Image, variance: float, generator: np.random.Generator) -> Image:
    """Add white Gaussian noise of the given variance to each of Y, Cb and Cr, whose full range (JPEG) counts as 1."""
    noise = generator.normal(0.0, 255 * np.sqrt(variance), image.shape)
    return to_uint8(image + noise @ YCBCR_TO_RGB)


CORRUPTION = Corruption("noise", (0.001, 0.002, 0.005, 0.01, 0.05), add_noise)
