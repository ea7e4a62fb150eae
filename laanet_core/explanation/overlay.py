"""Drawing of heat maps and Grad-CAMs over face crops."""

from __future__ import annotations

from enum import IntEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from laanet_core.types import Image

OPACITY = 0.7


class Colours(IntEnum):
    """OpenCV's colour maps, both ordered by lightness. Heat maps and Grad-CAM differ in colour, since only heat maps share a scale."""

    HEATMAP = cv2.COLORMAP_INFERNO
    GRADCAM = cv2.COLORMAP_VIRIDIS


def overlay(image: Image, values: NDArray[np.float32], scale: float, colours: Colours = Colours.HEATMAP) -> Image:
    """Blend a map (h, w) in colours over an RGB crop (H, W, 3); scale: value drawn in the brightest and most opaque colour."""
    height, width = image.shape[:2]
    heat = cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR)
    level = np.clip(heat / scale, 0, 1) if scale > 0 else np.zeros_like(heat)
    colour = cv2.cvtColor(cv2.applyColorMap(np.rint(level * 255).astype(np.uint8), colours), cv2.COLOR_BGR2RGB)
    alpha = OPACITY * level[..., None]
    return np.asarray(np.rint((1 - alpha) * image + alpha * colour), np.uint8)
