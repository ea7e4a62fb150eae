"""Pixelation, which the DeeperForensics-1.0 protocol calls JPEG compression."""

from __future__ import annotations

import cv2
import numpy as np

from laanet_core.evaluation.robustness.corruption import Corruption
from laanet_core.types import Image


def pixelate(image: Image, factor: int, _generator: np.random.Generator) -> Image:
    """Divide both sides by `factor`, rounded down, by area averaging, then scale back with nearest-neighbour interpolation."""
    height, width = image.shape[:2]
    small = cv2.resize(image, (width // factor, height // factor), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)


CORRUPTION = Corruption("pixelation", (2, 3, 4, 5, 6), pixelate)
