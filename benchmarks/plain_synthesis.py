"""A plain implementation of a self-blended image and its targets, as the baseline of `benchmarks.synthesis`.

The same steps without optimisation, one image at a time, with NumPy and SciPy. The elastic deformation moves the image as well as the mask,
although only the mask is used; its displacement fields have the resolution of the image; the heat map is a loop over points and pixels. The
steps are those of docs/paper_and_official.md, section 5; no published code was read.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

Picture = NDArray[np.uint8]
Mask = NDArray[np.float64]


def plain_pair(image: Picture, landmarks: NDArray[np.float32], draws: np.random.Generator) -> tuple[Picture, Mask, Mask, Mask]:
    """Make a fake from an image (H, W, 3); gives the fake, its mask (H, W), heat map and consistency (H/4, W/4)."""
    height, width = image.shape[:2]
    hull = cv2.convexHull(landmarks.astype(np.int32))
    mask = cv2.fillConvexPoly(np.zeros((height, width)), hull, 1.0)
    source = _change_colours(image, draws)
    source, mask = _move(source, mask, draws)
    _, mask = _deform(source, mask, draws)
    mask = _soften(mask, draws) * draws.choice([0.25, 0.5, 0.75, 1, 1, 1])
    fake = mask[..., None] * source + (1 - mask[..., None]) * image
    return np.rint(fake).astype(np.uint8), mask, *_targets(mask)


def _change_colours(image: Picture, draws: np.random.Generator) -> Picture:
    shifted = np.clip(image.astype(np.float64) + draws.uniform(-20, 20, 3), 0, 255).astype(np.uint8)
    hsv = cv2.cvtColor(shifted, cv2.COLOR_RGB2HSV).astype(np.float64)
    hsv[..., 0] = (hsv[..., 0] + draws.uniform(-0.3, 0.3)) % 180
    hsv[..., 1] = np.clip(hsv[..., 1] * (1 + draws.uniform(-0.3, 0.3)), 0, 255)
    changed = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB).astype(np.float64)
    changed = np.clip(changed * (1 + draws.uniform(-0.1, 0.1)) + 255 * draws.uniform(-0.1, 0.1), 0, 255).astype(np.uint8)
    blurred = cv2.blur(changed, (3, 3))
    return np.asarray(cv2.addWeighted(changed, 1.3, blurred, -0.3, 0), np.uint8)


def _move(image: Picture, mask: Mask, draws: np.random.Generator) -> tuple[Picture, Mask]:
    height, width = mask.shape
    scale = draws.uniform(0.95, 1 / 0.95)
    shift = draws.uniform(-0.03, 0.03) * width, draws.uniform(-0.015, 0.015) * height
    matrix = np.array([[scale, 0, (1 - scale) * width / 2 + shift[0]], [0, scale, (1 - scale) * height / 2 + shift[1]]])
    moved = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(moved, np.uint8), np.asarray(cv2.warpAffine(mask, matrix, (width, height)), np.float64)


def _deform(image: Picture, mask: Mask, draws: np.random.Generator) -> tuple[Picture, Mask]:
    shifts = [50 * gaussian_filter(draws.uniform(-1, 1, mask.shape), 7) for _ in range(2)]
    rows, columns = np.mgrid[: mask.shape[0], : mask.shape[1]]
    places = [rows + shifts[0], columns + shifts[1]]
    channels = [map_coordinates(image[..., channel].astype(np.float64), places, order=1, mode="mirror") for channel in range(3)]
    return np.stack(channels, axis=2).astype(np.uint8), map_coordinates(mask, places, order=1, mode="mirror")


def _soften(mask: Mask, draws: np.random.Generator) -> Mask:
    height, width = mask.shape
    scale = draws.uniform(0.8, 1.25)
    first, second = (int(draws.choice(np.arange(5, 26, 2))) for _ in range(2))
    small = cv2.resize(mask, (round(width * scale), round(height * scale)))
    kept = (cv2.GaussianBlur(small, (first, first), 0) > 0.5).astype(np.float64)
    soft = cv2.resize(cv2.GaussianBlur(kept, (second, second), draws.uniform(5, 45)), (width, height))
    return np.asarray(soft / soft.max(), np.float64)


def _targets(mask: Mask) -> tuple[Mask, Mask]:
    height, width = mask.shape[0] // 4, mask.shape[1] // 4
    small = cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA)
    boundary = 4 * small * (1 - small)
    heatmap = np.zeros_like(boundary)
    for row, column in np.argwhere(boundary >= boundary.max() - 255**-2)[:64]:
        across, down = (small[row] > 1 / 255).sum(), (small[:, column] > 1 / 255).sum()
        total, area = across + down, across * down
        sigma = (total - math.sqrt(total**2 - 4 * area * 0.3)) / 4 / 3
        reach = math.ceil(4 * sigma)
        for i in range(max(0, row - reach), min(height, row + reach + 1)):
            for j in range(max(0, column - reach), min(width, column + reach + 1)):
                heatmap[i, j] = max(heatmap[i, j], math.exp(-((i - row) ** 2 + (j - column) ** 2) / (2 * sigma**2)))
    anchor = np.unravel_index(boundary.argmax(), boundary.shape)
    return heatmap, 1 - np.abs(boundary[anchor] - boundary)
