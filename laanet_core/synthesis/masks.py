"""Blending masks of faces: hulls of 68 landmarks, deformed and softened (reference_facts, section 5)."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]
Mask = NDArray[np.float32]
Precision = Literal["uint8", "float"]
Hull = Literal["full", "extended", "components", "face"]
HULLS: tuple[Hull, ...] = ("full", "extended", "components", "face")

# Every length in pixels below is one of a 384 px crop and scales with the crop, so that pseudo-fakes look alike at any size.
REFERENCE_SIZE = 384
ELASTIC_ALPHA, ELASTIC_SIGMA = 50.0, 7.0
FIELD_SIZE = 96
SOFTEN_SCALE = (0.8, 1.25)
KERNEL = (5, 25)
SECOND_SIGMA = (5.0, 45.0)

MIN_AREA, MIN_INSIDE, MIN_ASPECT = 0.01, 0.8, 0.3
RAISE = 0.5
_SUBPIXEL_BITS = 4

_JAW_RIGHT, _JAW_LEFT, _BROW_RIGHT, _BROW_LEFT = range(9), range(8, 17), range(17, 22), range(22, 27)
_NOSE, _BRIDGE, _EYE_RIGHT, _EYE_LEFT, _MOUTH = range(27, 36), range(27, 31), range(36, 42), range(42, 48), range(48, 68)
_FULL = ([*range(17), *_MOUTH], [0, 16, *_BROW_RIGHT, *_BROW_LEFT, *_NOSE])
_COMPONENTS = (
    [*_JAW_RIGHT, *_EYE_RIGHT],
    [*_JAW_LEFT, *_EYE_LEFT],
    [*_BROW_RIGHT, *_EYE_RIGHT, *_BRIDGE],
    [*_BROW_LEFT, *_EYE_LEFT, *_BRIDGE],
    [8, 21, 22, *_NOSE, *_MOUTH],
)


def usable(landmarks: Points, height: int, width: int) -> bool:
    """Whether landmarks (68, 2), crop pixels (x, y), allow a blend in a crop of height x width.

    False for coordinates that are not finite, a hull of which more than a fifth is outside the crop, a hull of less than
    1 % of the crop, and one thinner than 3 : 10 (an extreme profile or collapsed points).
    """
    if not np.isfinite(landmarks).all() or np.abs(landmarks).max() > 2 * max(height, width):
        return False
    if np.ptp(landmarks, axis=0).min() < 1:  # less than a pixel across: OpenCV has no hull for points that coincide
        return False
    hull = cv2.convexHull(landmarks.astype(np.float32))
    area = cv2.contourArea(hull)
    if area < MIN_AREA * height * width:
        return False
    sides = cv2.minAreaRect(hull)[1]
    crop = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], np.float32)
    inside = cv2.intersectConvexConvex(hull, crop)[0]
    return bool(min(sides) >= MIN_ASPECT * max(sides) and inside >= MIN_INSIDE * area)


def hull_polygons(landmarks: Points, hull: Hull) -> list[Points]:
    """Convex polygons (n, 2) in crop pixels whose union is one variant of the hull of landmarks (68, 2).

    full: lower face with the mouth, and upper face from temple to temple with the nose; extended: hull of all points
    with the brows raised towards the forehead; components: cheeks, brows with eyes and nose bridge, and the
    middle of the face, each a hull of its own; face: hull of all points.
    """
    if hull == "full":
        return [_convex(landmarks[group]) for group in _FULL]
    if hull == "components":
        return [_convex(landmarks[group]) for group in _COMPONENTS]
    return [_convex(np.vstack([landmarks, _raised_brows(landmarks)]) if hull == "extended" else landmarks)]


def _convex(points: Points) -> Points:
    return np.asarray(cv2.convexHull(points.astype(np.float32)).reshape(-1, 2))


def _raised_brows(landmarks: Points) -> Points:
    """The ten brow points moved away from the nose tip by half of the brows' mean distance from it: about the middle of the forehead."""
    brows = landmarks[[*_BROW_RIGHT, *_BROW_LEFT]]
    upwards = brows.mean(axis=0) - landmarks[30]
    return np.asarray(brows + RAISE * upwards, np.float32)


def draw_polygons(polygons: list[Points], height: int, width: int) -> NDArray[np.uint8]:
    """Mask (height, width), 255 inside the union of convex polygons (n, 2) in pixels and 0 outside; 1/16 pixel exact."""
    mask = np.zeros((height, width), np.uint8)
    for polygon in polygons:
        fixed = np.rint(polygon * (1 << _SUBPIXEL_BITS)).astype(np.int32)
        cv2.fillConvexPoly(mask, fixed, 255, shift=_SUBPIXEL_BITS)
    return mask


def elastic_mask(mask: NDArray[np.uint8], shape: tuple[int, int], generator: np.random.Generator) -> NDArray[np.uint8]:
    """Resize a mask (H, W) to `shape` while every point of it moves by a smooth random displacement of about 1.2 px.

    The field is uniform noise in +-alpha, smoothed by a Gaussian of sigma. It is drawn on a coarse grid of FIELD_SIZE, a quarter of the
    reference size: smoothed white noise has a deviation of alpha / sigma over the grid's step, so alpha and sigma are both
    divided by the step and the displacements keep their size and smoothness.
    """
    step = REFERENCE_SIZE / FIELD_SIZE
    noise = generator.random((FIELD_SIZE, FIELD_SIZE, 2), np.float32) * 2 - 1
    smooth = cv2.GaussianBlur(noise, (0, 0), ELASTIC_SIGMA / step) * (ELASTIC_ALPHA / step)
    height, width = mask.shape
    source = cv2.resize(smooth, shape[::-1]) * (max(height, width) / REFERENCE_SIZE)
    source[..., 0] += _centres(shape[1], width)
    source[..., 1] += _centres(shape[0], height)[:, None]
    return np.asarray(cv2.remap(mask, source, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _centres(count: int, length: int) -> NDArray[np.float32]:
    """Where the centres of `count` pixels lie among those of `length` pixels over the same span."""
    return ((np.arange(count, dtype=np.float32) + 0.5) * (length / count) - 0.5).astype(np.float32)


def soften_mask(mask: NDArray[np.uint8], unit: float, generator: np.random.Generator, precision: Precision) -> Mask:
    """Blur a mask (H, W) of 0 and 255, keep what is at its maximum, blur again: float32 (H, W) in [0, 1], all 0 if nothing is left.

    unit: crop size over the reference size. The first blur has an odd kernel of 5..25 px. With `uint8` its values are 0 and 1 of an
    8-bit image: what rounds to 1 is kept, and the contour is smoothed where it lies. With `float` only a pixel whose whole kernel lies
    inside the mask reaches the maximum: an erosion by half a kernel. The second blur has a kernel of 5..25 px and sigma 5..45 px.
    """
    first, second = (_odd_kernel(generator, unit) for _ in range(2))
    if precision == "uint8":
        kept = cv2.threshold(cv2.GaussianBlur(mask, (first, first), 0), 127, 1.0, cv2.THRESH_BINARY)[1]
    else:
        kept = cv2.erode(cv2.threshold(mask, 254, 1.0, cv2.THRESH_BINARY)[1], np.ones((first, first), np.uint8))
    sigma = generator.uniform(*SECOND_SIGMA) * unit
    return np.asarray(cv2.GaussianBlur(kept.astype(np.float32), (second, second), sigma))


def _odd_kernel(generator: np.random.Generator, unit: float) -> int:
    """Odd kernel size, uniform over 5, 7, ..., 25 px of the reference size; at least 3."""
    drawn = int(generator.choice(np.arange(KERNEL[0], KERNEL[1] + 1, 2)))
    return max(3, 2 * int(drawn * unit / 2) + 1)


def blending_mask(polygons: list[Points], height: int, width: int, generator: np.random.Generator, precision: Precision) -> Mask:
    """Mask (height, width) of a hull given as polygons: elastically deformed, softened, float32 with maximum 1 (or all 0 if too small).

    The mask is deformed and softened at 0.8 to 1.25 times the crop's resolution, which varies the softness further.
    """
    scale = generator.uniform(*SOFTEN_SCALE)
    working = (round(height * scale), round(width * scale))
    deformed = elastic_mask(draw_polygons(polygons, height, width), working, generator)
    soft = soften_mask(deformed, max(height, width) / REFERENCE_SIZE, generator, precision)
    mask = cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR)
    peak = float(mask.max())
    return np.asarray(mask / peak if peak > 0 else mask, np.float32)
