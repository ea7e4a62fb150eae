"""Operations on batches of images from which pseudo-fakes are made: OpenCV for a CPU, tensors for a GPU.

Both implementations agree within rounding; the choice only affects speed (`make bench-synthesis`).
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from laanet_core.synthesis.ops import opencv, tensors
from laanet_core.synthesis.ops.types import Softening, Values


class ImageOps(Protocol):
    """Image operations.

    images: uint8 RGB (B, 3, H, W) in any memory format, returned as channels-last; masks: float32 (B, 1, H, W) in [0, 1].
    """

    def warp(self, images: Tensor, matrices: Values) -> Tensor:
        """Warp images by affine matrices (B, 2, 3) from old to new pixels (x, y); borders are mirrored."""

    def warp_masks(self, masks: Tensor, matrices: Values) -> Tensor:
        """Warp masks in the same way."""

    def recolour(self, images: Tensor, matrices: Values) -> Tensor:
        """Apply colour matrices (B, 3, 4) to every pixel; rounded and clipped to 0..255."""

    def pixelate(self, images: Tensor, factors: Values) -> Tensor:
        """Fill each block of about `factors` (B,) pixels per side with the colour of its central pixel; factors up to 1 change nothing."""

    def sharpen(self, images: Tensor, amounts: Values) -> Tensor:
        """Add to images `amounts` (B,) times their difference from their 3x3 mean."""

    def blur(self, images: Tensor, sigmas: Values) -> Tensor:
        """Gaussian blur with standard deviations (B,) in pixels, truncated at 3 sigma."""

    def look_up(self, indices: Tensor, levels: NDArray[np.int16]) -> Tensor:
        """Map indices, uint8 (B, 3, H, W), through a table of levels (B, 256) per item: int16 (B, 3, H, W)."""

    def add(self, images: Tensor, changes: Tensor) -> Tensor:
        """Add changes, int16 (B, 3, H, W), to images; clipped to 0..255."""

    def compress(self, images: Tensor, qualities: NDArray[np.int64]) -> Tensor:
        """Compress and decompress images as JPEG with 4:2:0 chroma subsampling, at libjpeg qualities (B,)."""

    def blend(self, foregrounds: Tensor, backgrounds: Tensor, masks: Tensor) -> Tensor:
        """M I_F + (1 - M) I_B (Eq. 1), rounded; equal to the background where M is 0."""

    def to_lab(self, images: Tensor) -> Tensor:
        """Convert sRGB images to CIE Lab (D65), float32 (B, 3, H, W): L in 0..100, a and b about -128..127."""

    def from_lab(self, lab: Tensor) -> Tensor:
        """Convert Lab (B, 3, H, W) to sRGB images; rounded and clipped."""

    def moments(self, images: Tensor, region: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (B, 3) of RGB or Lab images in a region, uint8 (B, 1, H, W) of 0 and 1, not empty."""

    def scale(self, values: Tensor, gains: Tensor, offsets: Tensor) -> Tensor:
        """Multiply each channel of float32 images (B, 3, H, W) by its gain and add its offset, both (B, 3)."""

    def soften(self, silhouettes: Tensor, shifts: Tensor, softening: Softening) -> Tensor:
        """Make soft masks from silhouettes, uint8 (B, 1, H, W) of 0 and 1.

        Silhouettes are resized to `softening.sides`, deformed by `shifts` and thresholded at one half; then their contour is changed and
        the mask blurred by `softening`, with mirrored borders; finally masks are resized back and scaled to a maximum of 1. A silhouette
        that vanishes gives a mask of 0. shifts: float32 (B, 2, n, n) on a coarse grid: each pixel shows the silhouette at its own
        position plus the shift, in pixels (x, y) of the silhouette.
        """


def ops_for_device(device: torch.device) -> ImageOps:
    """The faster implementation for a device."""
    return opencv if device.type == "cpu" else tensors
