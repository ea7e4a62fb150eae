"""Less colour."""

from __future__ import annotations

import numpy as np

from laanet_core.evaluation.robustness.corruption import Corruption, to_uint8
from laanet_core.types import Image

LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of R, G and B in the luma, BT.601."""


def scale_saturation(image: Image, factor: float, _generator: np.random.Generator) -> Image:
    """Multiply Cb and Cr, relative to their neutral value, by `factor` and keep Y.

    YCbCr is linear in RGB, so this interpolates each pixel towards its luma.
    """
    luma = (image @ LUMA)[..., None]
    return to_uint8(luma + factor * (image - luma))


CORRUPTION = Corruption("saturation", (0.4, 0.3, 0.2, 0.1, 0.0), scale_saturation)
