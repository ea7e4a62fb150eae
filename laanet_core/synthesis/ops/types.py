"""What both sets of operations are given."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Whole = NDArray[np.int64]


class Softening(NamedTuple):
    """How masks become soft, an entry an item.

    sides: int (B, 2), height and width in pixels at which it is done; edge: int (B,), what becomes of the contour first: -1 eroded,
    1 dilated, 0 smoothed; edge_kernel, feather_kernel: odd sizes (B,) in those pixels; feather_sigma: (B,) deviation of the last blur.
    """

    sides: Whole
    edge: Whole
    edge_kernel: Whole
    feather_kernel: Whole
    feather_sigma: Values
