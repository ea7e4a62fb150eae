"""A drawn face: 68 landmarks in the 300-W order and a textured image, for tests that need no photograph."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def face_landmarks(size: int) -> Tensor:
    """Landmarks (68, 2) as (x, y) of an upright face that fills the middle of a crop of size x size pixels."""
    parts = [
        _arc((0.5, 0.42), (0.29, 0.40), 180, 0, 17),
        _arc((0.37, 0.40), (0.09, 0.06), 200, 340, 5),
        _arc((0.63, 0.40), (0.09, 0.06), 200, 340, 5),
        np.linspace((0.5, 0.42), (0.5, 0.56), 4),
        np.linspace((0.44, 0.60), (0.56, 0.60), 5),
        _arc((0.38, 0.45), (0.05, 0.02), 180, 540, 7)[:-1],
        _arc((0.62, 0.45), (0.05, 0.02), 180, 540, 7)[:-1],
        _arc((0.5, 0.70), (0.10, 0.04), 180, 540, 13)[:-1],
        _arc((0.5, 0.70), (0.07, 0.02), 180, 540, 9)[:-1],
    ]
    return torch.from_numpy(np.vstack(parts) * (size - 1)).float()


def _arc(centre: tuple[float, float], radii: tuple[float, float], start: float, stop: float, count: int) -> NDArray[np.float64]:
    """Points on an ellipse between two angles in degrees, clockwise from the right as y points down."""
    angle = np.deg2rad(np.linspace(start, stop, count))
    return np.column_stack([centre[0] + radii[0] * np.cos(angle), centre[1] + radii[1] * np.sin(angle)])


def face_image(size: int, seed: int = 0) -> Tensor:
    """A smooth coloured texture, uint8 (3, size, size), with no black in it."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 12, 12, generator=generator) * 160 + 48
    return torch.nn.functional.interpolate(coarse, size=(size, size), mode="bicubic")[0].clamp(20, 235).to(torch.uint8)
