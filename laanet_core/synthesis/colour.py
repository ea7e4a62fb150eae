"""Colour changes of uint8 RGB images: one matrix for brightness, contrast, saturation and hue, and changes of resolution."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]

# Rec. 601 luma, the grey that saturation and hue leave alone
_LUMA = np.array([0.299, 0.587, 0.114])
_YIQ = np.array([_LUMA, [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
_RGB = np.linalg.inv(_YIQ)


def colour_matrix(contrast: float, brightness: float, saturation: float, hue: float) -> NDArray[np.float32]:
    """Matrix (3, 4) for `recolour`: I -> (1 + contrast) S I + 255 brightness.

    contrast, brightness, saturation: relative changes, 0 for none; hue: rotation of the chroma in radians. S keeps the
    luma of every colour and acts on its chroma in the YIQ plane.
    """
    cos, sin = (1 + saturation) * np.cos(hue), (1 + saturation) * np.sin(hue)
    chroma = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    linear = (1 + contrast) * (_RGB @ chroma @ _YIQ)
    return np.hstack([linear, np.full((3, 1), 255 * brightness)]).astype(np.float32)


def recolour(image: Rgb, matrix: NDArray[np.float32]) -> Rgb:
    """Apply a colour matrix (3, 4) to an image (H, W, 3), rounded and clipped to 0..255."""
    return np.asarray(cv2.transform(image, matrix), np.uint8)


def pixelate(image: Rgb, factor: float) -> Rgb:
    """Down-scale an image (H, W, 3) by a factor and up-scale it again, both with nearest neighbour; a factor up to 1 changes nothing.

    The pixel kept is the central one of its block, so that nothing is shifted by more than half a block.
    """
    rows, columns = (_central_pixels(length, factor) for length in image.shape[:2])
    return np.ascontiguousarray(image[rows][:, columns])


def _central_pixels(length: int, factor: float) -> NDArray[np.int64]:
    """For each of `length` pixels the central one of its block of about `factor` pixels."""
    blocks = max(1, round(length / max(factor, 1.0)))
    return ((2 * (np.arange(length) * blocks // length) + 1) * length) // (2 * blocks)


def sharpen(image: Rgb, amount: float) -> Rgb:
    """Add `amount` of the difference between an image (H, W, 3) and its 3x3 mean, at unchanged brightness."""
    return np.asarray(cv2.addWeighted(image, 1 + amount, cv2.blur(image, (3, 3)), -amount, 0), np.uint8)
