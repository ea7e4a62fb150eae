"""Contact sheet of pseudo-fakes and their targets, for visual inspection."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from laanet_core.synthesis.blending import Blend
from laanet_core.synthesis.targets.encode import Targets
from laanet_core.types import Image

COLUMNS = ("real", "fake", "mask M", "boundary B", "points", "heat map", "consistency C")
_GAP, _TITLE = 4, 24


def contact_sheet(blend: Blend, targets: Targets, size: int) -> Image:
    """Draw an RGB contact sheet (height, width, 3) with titles and one row per image: COLUMNS.

    blend: of B images; targets: of their masks; size: side of a tile in pixels. M and B include the blend ratio, even if the official
    targets are computed without it. Images with unusable landmarks have an empty mask.
    """
    return np.vstack([_titles(size), *(_row(_tiles(blend, targets, item), size) for item in range(len(blend.ok)))])


def _tiles(blend: Blend, targets: Targets, item: int) -> list[Image]:
    """The tiles of one item, each at its own resolution."""
    real, fake = (np.ascontiguousarray(images[item].permute(1, 2, 0).cpu().numpy()) for images in (blend.real, blend.fake))
    maps = [_grey(values[item]) for values in (blend.mask, blend.boundary, targets.heatmap, targets.consistency)]
    stride = fake.shape[1] / targets.heatmap.shape[-1]
    marked = _mark(fake, targets.points[item].tolist(), targets.anchor[item].tolist(), stride)
    return [real, fake, maps[0], maps[1], marked, maps[2], maps[3]]


def _grey(values: Tensor) -> Image:
    """A map (1, H, W) in [0, 1] as an RGB picture."""
    return np.repeat(torch.round(255 * values[0]).to(torch.uint8).cpu().numpy()[..., None], 3, axis=2)


def _mark(image: Image, points: list[list[int]], anchor: list[int], stride: float) -> Image:
    """Mark the vulnerable points of an image in green and the anchor of the consistency in red."""
    marked = image.copy()
    for row, column in points:
        _dot(marked, row, column, stride, (0, 255, 0))
    if points:
        _dot(marked, anchor[0], anchor[1], stride, (255, 0, 0))
    return np.asarray(cv2.addWeighted(image, 0.4, marked, 0.6, 0), np.uint8)


def _dot(image: Image, row: int, column: int, stride: float, colour: tuple[int, int, int]) -> None:
    """Draw one point of the targets' grid into the image, in place."""
    centre = (round((column + 0.5) * stride - 0.5), round((row + 0.5) * stride - 0.5))
    cv2.circle(image, centre, max(1, round(1.5 * stride)), colour, -1)


def _row(tiles: list[Image], size: int) -> Image:
    """Resize tiles to one size and place them side by side on white."""
    scaled = [cv2.resize(tile, (size, size), interpolation=cv2.INTER_AREA if len(tile) > size else cv2.INTER_NEAREST) for tile in tiles]
    padded = [cv2.copyMakeBorder(tile, 0, _GAP, 0, _GAP, cv2.BORDER_CONSTANT, value=(255, 255, 255)) for tile in scaled]
    return np.hstack(padded).astype(np.uint8)


def _titles(size: int) -> Image:
    """The line of column names."""
    line = np.full((_TITLE, len(COLUMNS) * (size + _GAP), 3), 255, np.uint8)
    scale = min(0.5, size / 240)
    for column, name in enumerate(COLUMNS):
        cv2.putText(line, name, (column * (size + _GAP) + 2, _TITLE - 8), cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 1, cv2.LINE_AA)
    return line
