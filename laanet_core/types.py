"""Arrays that several packages pass on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""RGB image (H, W, 3)."""
Mask = NDArray[np.bool_]
"""Region of an image (H, W)."""
Map = NDArray[np.float32]
"""A value for each place of an image (h, w)."""
Points = NDArray[np.float32]
"""Landmarks (..., 68, 2), pixels (x, y)."""
