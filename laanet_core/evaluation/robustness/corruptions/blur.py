"""Gaussian blur."""

from __future__ import annotations

import cv2
import numpy as np

from laanet_core.evaluation.robustness.corruption import Corruption
from laanet_core.types import Image


def blur(image: Image, kernel: int, _generator: np.random.Generator) -> Image:
    """Convolve with a Gaussian of `kernel` x `kernel` px (odd) and a standard deviation of `kernel` / 6; borders are mirrored."""
    return np.asarray(cv2.GaussianBlur(image, (kernel, kernel), kernel / 6), np.uint8)


CORRUPTION = Corruption("blur", (7, 9, 13, 17, 21), blur)
