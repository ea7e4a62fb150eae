"""Argument types shared by both implementations of the image operations."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Integers = NDArray[np.int64]


class Softening(NamedTuple):
    """Parameters of `ImageOps.soften`, one entry per item.

    sides: int (B, 2), height and width in pixels to which the mask is resized for softening; edge: int (B,), first step: -1 erode, 1
    dilate, 0 smooth the contour; edge_kernel, feather_kernel: odd kernel sizes (B,) in these pixels; feather_sigma: standard deviations
    (B,) of the final blur.
    """

    sides: Integers
    edge: Integers
    edge_kernel: Integers
    feather_kernel: Integers
    feather_sigma: Values
