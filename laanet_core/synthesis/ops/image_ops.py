"""What pseudo-fakes are made of: operations on batches of images, once with OpenCV for a CPU and once on tensors for a GPU.

Both have one meaning and agree within rounding; which one runs is a matter of speed (`make bench-synthesis`).
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
    """images: uint8 RGB (B, 3, H, W), any memory format, returned as channels-last; masks: float32 (B, 1, H, W) in [0, 1]."""

    def warp(self, images: Tensor, matrices: Values) -> Tensor:
        """Images moved by affine matrices (B, 2, 3) from old to new pixels (x, y); what comes in from outside is the mirrored image."""

    def warp_masks(self, masks: Tensor, matrices: Values) -> Tensor:
        """Masks moved likewise."""

    def recolour(self, images: Tensor, matrices: Values) -> Tensor:
        """Colour matrices (B, 3, 4) applied to every pixel, rounded and clipped to 0..255."""

    def pixelate(self, images: Tensor, factors: Values) -> Tensor:
        """Each block of about `factors` (B,) pixels in the colour of its central pixel; a factor up to 1 changes nothing."""

    def sharpen(self, images: Tensor, amounts: Values) -> Tensor:
        """Images plus `amounts` (B,) of their difference from their 3x3 mean."""

    def blur(self, images: Tensor, sigmas: Values) -> Tensor:
        """Gaussian blur with deviations (B,) in pixels, cut off at 3 of them."""

    def look_up(self, places: Tensor, levels: NDArray[np.int16]) -> Tensor:
        """For each item the levels (B, 256) at its places, uint8 (B, 3, H, W): int16 (B, 3, H, W)."""

    def add(self, images: Tensor, changes: Tensor) -> Tensor:
        """Images plus changes, int16 (B, 3, H, W), clipped to 0..255."""

    def compress(self, images: Tensor, qualities: NDArray[np.int64]) -> Tensor:
        """Images after JPEG compression with 4:2:0 sub-sampling at qualities (B,) of libjpeg's scale."""

    def blend(self, foregrounds: Tensor, backgrounds: Tensor, masks: Tensor) -> Tensor:
        """M I_F + (1 - M) I_B (Eq. 1), rounded; wherever M is 0 the background's bytes stay."""

    def to_lab(self, images: Tensor) -> Tensor:
        """CIE Lab of sRGB images with D65 white, float32 (B, 3, H, W): L 0..100, a and b about -128..127."""

    def from_lab(self, lab: Tensor) -> Tensor:
        """sRGB images of Lab (B, 3, H, W), rounded and clipped."""

    def moments(self, images: Tensor, region: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and deviation (B, 3) of images of either type in a region, uint8 (B, 1, H, W) of 0 and 1 and not empty."""

    def scale(self, values: Tensor, gains: Tensor, offsets: Tensor) -> Tensor:
        """Each channel of float32 images (B, 3, H, W) times its gain plus its offset, both (B, 3)."""

    def soften(self, silhouettes: Tensor, shifts: Tensor, softening: Softening) -> Tensor:
        """Soft masks of silhouettes, uint8 (B, 1, H, W) of 0 and 1.

        Resized to `sides`, each pixel showing what lies `shifts` away, float32 (B, 2, n, n) in pixels (x, y) of the silhouette, given on a
        coarse grid; made binary again at one half; contour and feathering as `softening` says, borders mirrored; resized back; scaled to
        a maximum of 1.
        A silhouette of which nothing is left gives a mask of 0.
        """


def ops_for_device(device: torch.device) -> ImageOps:
    """The faster kernels for a device."""
    return opencv if device.type == "cpu" else tensors
