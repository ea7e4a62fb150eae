"""Blending (Eq. 1) and its boundary (Eq. 2)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from laanet_core.synthesis.colour import Rgb


def alpha_blend(foreground: Rgb, background: Rgb, mask: NDArray[np.float32]) -> Rgb:
    """I_M = M I_F + (1 - M) I_B (Eq. 1) of images (H, W, 3) with a mask (H, W) in [0, 1], rounded to 8 bits.

    Only the mask's bounding box is computed: outside it, and wherever M is 0, the background's bytes stay.
    """
    blended = background.copy()
    left, top, width, height = cv2.boundingRect((mask > 0).view(np.uint8))
    if width and height:
        box = np.s_[top : top + height, left : left + width]
        weights = np.ascontiguousarray(mask[box])
        blended[box] = cv2.blendLinear(np.ascontiguousarray(foreground[box]), np.ascontiguousarray(background[box]), weights, 1 - weights)
    return blended


def blending_boundary(mask: Tensor) -> Tensor:
    """B = 4 M (1 - M) (Eq. 2), any shape: 0 where one image is alone, 1 where both contribute alike."""
    return 4 * mask * (1 - mask)
