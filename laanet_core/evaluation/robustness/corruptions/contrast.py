"""Less contrast."""

from __future__ import annotations

import numpy as np

from laanet_core.evaluation.robustness.corruption import Corruption, to_uint8
from laanet_core.types import Image


def scale_contrast(image: Image, factor: float, _generator: np.random.Generator) -> Image:
    """Multiply all values by `factor`."""
    return to_uint8(image * factor)


CORRUPTION = Corruption("contrast", (0.85, 0.725, 0.6, 0.475, 0.35), scale_contrast)
