"""A contact sheet of pseudo-fakes and their targets, to be looked at."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from laanet_core.params import Recipe, SynthesisParams
from laanet_core.randomness import torch_generator
from laanet_core.synthesis.colour import Rgb
from laanet_core.synthesis.sbi import Blend, self_blend
from laanet_core.synthesis.targets import Targets, encode_targets

COLUMNS = ("real", "fake", "mask M", "boundary B", "points", "heat map", "consistency C")
STRIDE = 4
_GAP, _TITLE = 4, 24


def contact_sheet(
    images: Tensor, landmarks: Tensor, seed: int, size: int, params: SynthesisParams, iou: float, recipe: Recipe
) -> NDArray[np.uint8]:
    """One row an image: real, fake, M, B, vulnerable points, heat map and consistency, as RGB (height, width, 3) with a line of titles.

    images: uint8 (B, 3, H, W) RGB crops; landmarks: (B, 68, 2) crop pixels; seed: of the draws, one generator an item;
    size: side of a tile in pixels; iou: threshold of the heat map's radius; recipe: of the targets.
    M and B are those that blend, also where the official targets have them without the ratio. Crops whose landmarks allow no blend
    have an empty mask. Raises LaanetError as `self_blend` does.
    """
    rows = [_titles(size)]
    for item, (image, points) in enumerate(zip(images, landmarks, strict=True)):
        generator = torch_generator(seed, "sheet", item)
        blend = self_blend(image[None], points[None], generator, params)
        targets = encode_targets(blend.mask, image.shape[-1] // STRIDE, recipe, generator, iou, blend.ratio)
        rows.append(_row(_tiles(blend, targets), size))
    return np.vstack(rows)


def _tiles(blend: Blend, targets: Targets) -> list[Rgb]:
    """The seven pictures of one item, each at its own resolution."""
    real, fake = (np.ascontiguousarray(image[0].permute(1, 2, 0).cpu().numpy()) for image in (blend.real, blend.fake))
    maps = [_grey(values) for values in (blend.mask, blend.boundary, targets.heatmap, targets.consistency)]
    return [real, fake, maps[0], maps[1], _mark(fake, targets), maps[2], maps[3]]


def _grey(values: Tensor) -> Rgb:
    """A map (1, 1, H, W) in [0, 1] as an RGB picture."""
    return np.repeat(torch.round(255 * values[0, 0]).to(torch.uint8).cpu().numpy()[..., None], 3, axis=2)


def _mark(image: Rgb, targets: Targets) -> Rgb:
    """The image with its vulnerable points in green and the anchor of the consistency in red."""
    marked = image.copy()
    stride = image.shape[1] / targets.heatmap.shape[-1]
    for row, column in targets.points[0].tolist():
        _dot(marked, row, column, stride, (0, 255, 0))
    if len(targets.points[0]):
        row, column = targets.anchor[0].tolist()
        _dot(marked, row, column, stride, (255, 0, 0))
    return np.asarray(cv2.addWeighted(image, 0.4, marked, 0.6, 0), np.uint8)


def _dot(image: Rgb, row: int, column: int, stride: float, colour: tuple[int, int, int]) -> None:
    """Draw one point of the targets' grid into the image, in place."""
    centre = (round((column + 0.5) * stride - 0.5), round((row + 0.5) * stride - 0.5))
    cv2.circle(image, centre, max(1, round(1.5 * stride)), colour, -1)


def _row(tiles: list[Rgb], size: int) -> Rgb:
    """Tiles at one size, side by side on white."""
    scaled = [cv2.resize(tile, (size, size), interpolation=cv2.INTER_AREA if len(tile) > size else cv2.INTER_NEAREST) for tile in tiles]
    padded = [cv2.copyMakeBorder(tile, 0, _GAP, 0, _GAP, cv2.BORDER_CONSTANT, value=(255, 255, 255)) for tile in scaled]
    return np.hstack(padded).astype(np.uint8)


def _titles(size: int) -> Rgb:
    """The line of column names."""
    line = np.full((_TITLE, len(COLUMNS) * (size + _GAP), 3), 255, np.uint8)
    scale = min(0.5, size / 240)
    for column, name in enumerate(COLUMNS):
        cv2.putText(line, name, (column * (size + _GAP) + 2, _TITLE - 8), cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 1, cv2.LINE_AA)
    return line
