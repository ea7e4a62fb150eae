"""Array types shared by several packages."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""RGB image (H, W, 3)."""
Mask = NDArray[np.bool_]
"""Boolean mask of an image (H, W)."""
Map = NDArray[np.float32]
"""Map over an image, one value per location (h, w)."""
Points = NDArray[np.float32]
"""Facial landmarks (..., 68, 2) as (x, y) in pixels."""
