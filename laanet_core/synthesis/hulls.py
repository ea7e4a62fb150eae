"""Face hulls from 68 landmarks: usability check, hull variants as polygons, rasterisation (docs/paper_and_official.md, section 5)."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from laanet_core.params import Hull
from laanet_core.types import Points

Polygon = NDArray[np.float32]
"""Convex polygon (n, 2), pixels (x, y)."""

MIN_AREA, MIN_INSIDE, MIN_ASPECT = 0.01, 0.8, 0.3
"""Of a usable hull: smallest area relative to the crop, smallest share inside it, smallest ratio of the sides of its bounding box."""
BROW_RAISE = 0.5

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
    """Whether landmarks (68, 2), in crop pixels (x, y), can be used for a blend in a crop of height x width.

    False for coordinates that are not finite, and for a hull with less than 1 % of the crop's area, more than a fifth of it outside the
    crop, or narrower than 3 : 10 (an extreme profile or collapsed points).
    """
    if not np.isfinite(landmarks).all() or np.abs(landmarks).max() > 2 * max(height, width):
        return False
    if np.ptp(landmarks, axis=0).min() < 1:  # less than a pixel wide: OpenCV fails on the hull of coinciding points
        return False
    hull = cv2.convexHull(landmarks.astype(np.float32))
    area = cv2.contourArea(hull)
    if area < MIN_AREA * height * width:
        return False
    sides = cv2.minAreaRect(hull)[1]
    crop = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], np.float32)
    inside = cv2.intersectConvexConvex(hull, crop)[0]
    return bool(min(sides) >= MIN_ASPECT * max(sides) and inside >= MIN_INSIDE * area)


def usable_faces(landmarks: Points, height: int, width: int) -> NDArray[np.bool_]:
    """See `usable`, for each of the faces (B, 68, 2): bool (B,)."""
    return np.array([usable(points, height, width) for points in landmarks], np.bool_)


def hull_polygons(landmarks: Points, hull: Hull) -> list[Polygon]:
    """Convex polygons in crop pixels whose union is one variant of the hull of landmarks (68, 2).

    full: the lower face with the mouth, and the upper face from temple to temple with the nose; extended: the hull of all landmarks and
    of the brows raised towards the forehead; components: separate hulls of the cheeks, of the brows with eyes and nose bridge, and of the
    middle of the face; face: the hull of all landmarks.
    """
    if hull == "full":
        return [_convex(landmarks[group]) for group in _FULL]
    if hull == "components":
        return [_convex(landmarks[group]) for group in _COMPONENTS]
    return [_convex(np.vstack([landmarks, _raised_brows(landmarks)]) if hull == "extended" else landmarks)]


def _convex(points: NDArray[np.float32]) -> Polygon:
    return np.asarray(cv2.convexHull(points.astype(np.float32)).reshape(-1, 2))


def _raised_brows(landmarks: Points) -> NDArray[np.float32]:
    """The ten brow landmarks moved away from the nose tip by BROW_RAISE times their mean offset from it: to about mid-forehead."""
    brows = landmarks[[*_BROW_RIGHT, *_BROW_LEFT]]
    upwards = brows.mean(axis=0) - landmarks[30]
    return np.asarray(brows + BROW_RAISE * upwards, np.float32)


def draw_polygons(polygons: list[list[Polygon]], height: int, width: int, device: torch.device) -> Tensor:
    """Rasterise unions of convex polygons: uint8 (B, 1, height, width), 1 inside and 0 outside.

    polygons: a list per item. A pixel is inside if its centre is inside or on the contour, that is, between the leftmost and the
    rightmost point at which its row crosses the polygon.
    """
    order = sorted(range(len(polygons)), key=lambda item: -len(polygons[item]))  # items with more polygons come first
    masks = torch.zeros(len(polygons), height, width, dtype=torch.bool, device=device)
    columns = torch.arange(width, device=device, dtype=torch.int16)
    for rank in range(max(map(len, polygons), default=0)):
        parts = [polygons[item][rank] for item in order if len(polygons[item]) > rank]
        first, last = _row_spans(parts, height, width, device)
        masks[: len(parts)] |= (columns >= first[..., None]) & (columns <= last[..., None])
    return masks[torch.from_numpy(np.argsort(order))].to(torch.uint8)[:, None]


def _row_spans(polygons: list[Polygon], height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """First and last column inside convex polygons on each row, int16 (B, height); first > last if the polygon does not cross the row."""
    longest = max(map(len, polygons))
    corners = np.stack([np.vstack([polygon, np.repeat(polygon[-1:], longest - len(polygon), axis=0)]) for polygon in polygons])
    start = torch.from_numpy(corners.astype(np.float64)).to(device)
    (x0, y0), (x1, y1) = ((points[..., :1], points[..., 1:]) for points in (start, start.roll(-1, dims=1)))
    fraction = (torch.arange(height, device=device) - y0) / (y1 - y0)
    crossed = (fraction >= 0) & (fraction <= 1)
    crossing = x0 + fraction * (x1 - x0)
    first = torch.where(crossed, crossing, torch.inf).amin(dim=1).ceil().clamp(0, width)
    last = torch.where(crossed, crossing, -torch.inf).amax(dim=1).floor().clamp(-1, width - 1)
    return first.to(torch.int16), last.to(torch.int16)
