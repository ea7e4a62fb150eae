"""The blending mask of a real deepfake, estimated from its difference to the pristine image.

LAA-Net learns where an image was blended (Eq. 1 to 7). A pseudo-fake comes with its mask; of a deepfake only the result is known. If the
pristine image is known too, pixel by pixel, the two differ where the mask is not 0, apart from compression noise. Thresholding that
difference gives ragged outlines with holes, since a swapped cheek may well have the colour of the original. Instead, masks of the kind that
face swaps use (a hull of the landmarks, grown or shrunk, with a soft edge) are compared with the difference, and the best one is taken.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from laanet_core.params import Hull
from laanet_core.synthesis.hulls import hull_polygons
from laanet_core.types import Image, Map, Points

SIDE = 112
"""Pixels of a side of the images that are compared."""
OFFSETS = tuple(round(0.05 * step, 2) for step in range(-5, 10))
"""Candidate distances by which a hull is grown (or shrunk, if negative), relative to the square root of its area."""
FEATHERS = (0.03, 0.08, 0.16, 0.26)
"""Candidate half-widths of the soft edge, relative to the square root of the hull's area."""
MIN_SHARE, MAX_SHARE = 0.04, 0.85
"""Bounds of the mask's share of the image."""
MIN_CORRELATION, MIN_CONTRAST, MAX_BORDER = 0.5, 1.6, 4.0
"""Limits of a usable estimate. Two compressed versions of one image have correlations up to 0.17; images of one face that are misaligned by
3 to 10 pixels of 224 reach 0.46, with a difference of more than 5 at the border, where aligned ones have 0.5 to 2."""
BORDER = 0.06
"""Width of the border, relative to the side."""
_FLOOR, _TEXTURE_EXPONENT = 2.0, 0.5


class MaskShape(NamedTuple):
    """A blending mask relative to the landmarks of a face: the variant of their hull, and its growth and the half-width of its soft edge,
    both relative to the square root of the hull's area."""

    hull: Hull
    offset: float
    feather: float


class MaskEstimate(NamedTuple):
    """An estimated blending mask.

    shape: of the best candidate, None if no hull of the landmarks covers a part of the image; correlation: between its mask and the
    logarithm of the difference; contrast: difference inside the mask, relative to that outside it at the image's border; border: the
    latter, in units of CIE Lab; reason: why the estimate cannot be used, empty if it can.
    """

    shape: MaskShape | None
    correlation: float
    contrast: float
    border: float
    reason: str


def estimate_mask(real: Image, fake: Image, landmarks: Points) -> MaskEstimate:
    """Estimate the blending mask of a fake from its pristine image.

    real, fake: square RGB images (H, H, 3) of the same size, aligned pixel by pixel; landmarks: (68, 2) of the pristine face in its pixels.
    Raises ValueError for images of different or other shapes.
    """
    if real.shape != fake.shape or real.ndim != 3 or real.shape[0] != real.shape[1]:
        raise ValueError(f"expected two square images of one size, found {real.shape} and {fake.shape}")
    shapes, masks = _candidates(landmarks * (SIDE / real.shape[0]))
    if not shapes:
        return MaskEstimate(None, 0.0, 0.0, 0.0, "no hull of the landmarks covers a part of the image")
    difference, texture = _difference(real, fake)
    # recompression changes textured regions most, which a logarithm and a division by the texture make comparable with smooth ones
    evidence = np.log(_FLOOR + difference) - _TEXTURE_EXPONENT * np.log(_FLOOR + texture)
    correlations = _correlations(masks, cv2.GaussianBlur(evidence, (0, 0), 2))
    best = int(correlations.argmax())
    correlation, (contrast, border) = float(correlations[best]), _contrast(masks[best], difference)
    return MaskEstimate(shapes[best], correlation, contrast, border, _reason(correlation, contrast, border))


def draw_mask(shape: MaskShape, landmarks: Points, size: int) -> Map:
    """The mask (size, size) in [0, 1] of a shape for landmarks (68, 2) in pixels of an image of that size."""
    return _soften(_signed_distance(landmarks, shape.hull, size), shape.offset, shape.feather)


def _difference(real: Image, fake: Image) -> tuple[Map, Map]:
    """Distance of two images in CIE Lab, and local contrast of the first one's lightness, both (SIDE, SIDE)."""
    blur = real.shape[0] / SIDE / 2
    pristine, forged = (
        cv2.resize(
            cv2.GaussianBlur(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), (0, 0), blur),
            (SIDE, SIDE),
            interpolation=cv2.INTER_AREA,
        )
        for image in (real, fake)
    )
    lightness = pristine[..., 0]
    detail = lightness - cv2.GaussianBlur(lightness, (0, 0), 1.5)
    texture = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), 2))
    return np.linalg.norm(pristine - forged, axis=2), np.asarray(texture, np.float32)


def _candidates(landmarks: Points) -> tuple[list[MaskShape], NDArray[np.float32]]:
    """All shapes whose masks are neither too small nor too large, and these masks (n, SIDE, SIDE)."""
    shapes, masks = [], []
    for hull in get_args(Hull):
        distance = _signed_distance(landmarks, hull, SIDE)
        for offset, feather in product(OFFSETS, FEATHERS):
            mask = _soften(distance, offset, feather)
            if MIN_SHARE < mask.mean() < MAX_SHARE:
                shapes.append(MaskShape(hull, offset, feather))
                masks.append(mask)
    return shapes, np.array(masks, np.float32)


def _signed_distance(landmarks: Points, hull: Hull, size: int) -> Map:
    """Distance (size, size) to a hull's contour, positive inside, relative to the square root of its area; -inf if it is out of sight."""
    margin = size // 2  # distances near the image's border are those to the complete hull
    inside = np.zeros((size + 2 * margin, size + 2 * margin), np.uint8)
    for polygon in hull_polygons(landmarks, hull):
        cv2.fillConvexPoly(inside, np.rint(polygon + margin).astype(np.int32), 1)
    if not inside.any():
        return np.full((size, size), -np.inf, np.float32)
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, 5) - cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5)
    return np.asarray(distance[margin:-margin, margin:-margin] / np.sqrt(int(inside.sum())), np.float32)


def _soften(distance: Map, offset: float, feather: float) -> Map:
    """A mask in [0, 1] that rises smoothly within `feather` on both sides of the contour that is `offset` outside the hull's."""
    ramp = np.clip((distance + offset) / (2 * feather) + 0.5, 0, 1)
    return np.asarray(ramp * ramp * (3 - 2 * ramp), np.float32)


def _correlations(masks: NDArray[np.float32], evidence: Map) -> NDArray[np.float32]:
    """Pearson correlation of each mask (n, SIDE, SIDE) with the evidence (SIDE, SIDE)."""
    centred = masks.reshape(len(masks), -1) - masks.mean(axis=(1, 2))[:, None]
    other = (evidence - evidence.mean()).ravel()
    norms = np.linalg.norm(centred, axis=1) * np.linalg.norm(other)
    return np.asarray(centred @ other / np.maximum(norms, 1e-12), np.float32)


def _contrast(mask: Map, difference: Map) -> tuple[float, float]:
    """Mean difference inside a mask relative to that outside it at the image's border, and the latter."""
    width = round(BORDER * SIDE)
    at_border = np.ones_like(mask)
    at_border[width:-width, width:-width] = 0
    outside = at_border * (1 - mask)
    border = float((difference * outside).sum() / max(float(outside.sum()), 1.0))
    return float((difference * mask).sum() / mask.sum()) / max(border, 1e-6), border


def _reason(correlation: float, contrast: float, border: float) -> str:
    if border > MAX_BORDER:
        return f"not aligned: images differ by {border:.1f} at the border (at most {MAX_BORDER:g})"
    if correlation < MIN_CORRELATION:
        return f"the difference has no face's shape: correlation {correlation:.2f} (at least {MIN_CORRELATION:g})"
    if contrast < MIN_CONTRAST:
        return f"no clear difference: {contrast:.1f} times that at the border (at least {MIN_CONTRAST:g})"
    return ""
