"""RetinaFace's outputs as faces: prior boxes, decoding, non-maximum suppression. Pure NumPy."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

STRIDES = (8, 16, 32)
SIZES = ((16, 32), (64, 128), (256, 512))
CENTRE_VARIANCE = 0.1
SIDE_VARIANCE = 0.2
NMS_OVERLAP = 0.4
MOST_CANDIDATES = 1000

Array = NDArray[np.float64]


class Face(NamedTuple):
    """One face in pixels of its image: box (x0, y0, x1, y1), which may leave the image; points (5, 2): left eye, right eye,
    nose, left and right corner of the mouth as the viewer sees them, each (x, y); score in [0, 1]."""

    box: tuple[float, float, float, float]
    points: Array
    score: float

    @property
    def area(self) -> float:
        """Area of the box in square pixels."""
        return (self.box[2] - self.box[0]) * (self.box[3] - self.box[1])


@lru_cache(maxsize=8)
def priors(height: int, width: int) -> Array:
    """Prior boxes (n, 3) of centre x, centre y, side in pixels, for an image of this size: row by row, two sides a cell
    (RetinaFace, arXiv 1905.00641, sec. 4.2, as trained: strides 8, 16, 32 and sides 16 to 512)."""
    return np.concatenate([_level(height, width, stride, sizes) for stride, sizes in zip(STRIDES, SIZES, strict=True)])


def _level(height: int, width: int, stride: int, sizes: tuple[int, int]) -> Array:
    """Priors (n, 3) of one feature level."""
    rows, columns = math.ceil(height / stride), math.ceil(width / stride)
    y, x, side = np.meshgrid(np.arange(rows) + 0.5, np.arange(columns) + 0.5, np.array(sizes, float), indexing="ij")
    return np.stack([x * stride, y * stride, side], axis=-1).reshape(-1, 3)


def decode_faces(boxes: Array, scores: Array, points: Array, anchors: Array, min_score: float) -> list[Face]:
    """Faces of one image, the largest box first.

    boxes (n, 4), scores (n,), points (n, 10): the network's outputs; anchors (n, 3): `priors`; min_score: faces below are dropped.
    """
    likely = np.flatnonzero(scores >= min_score)
    likely = likely[np.argsort(-scores[likely], kind="stable")][:MOST_CANDIDATES]
    centre, side = anchors[likely, :2], anchors[likely, 2:]
    middle = centre + boxes[likely, :2] * CENTRE_VARIANCE * side
    half = side * np.exp(boxes[likely, 2:] * SIDE_VARIANCE) / 2
    corners = np.concatenate([middle - half, middle + half], axis=1)
    five = centre[:, None] + points[likely].reshape(-1, 5, 2) * CENTRE_VARIANCE * side[:, None]
    x0, y0, x1, y1 = corners.T.tolist() if len(likely) else ([], [], [], [])
    kept = suppress(corners)
    faces = [Face((x0[i], y0[i], x1[i], y1[i]), five[i], float(scores[likely[i]])) for i in kept]
    return sorted(faces, key=lambda face: (-face.area, face.box))


def suppress(corners: Array, overlap: float = NMS_OVERLAP) -> list[int]:
    """Greedy non-maximum suppression: indices of the boxes (n, 4), given best first, that overlap (IoU) no better one by more."""
    sides = np.maximum(corners[:, 2:] - corners[:, :2], 0)
    area = sides.prod(axis=1)
    kept: list[int] = []
    for i in range(len(corners)):
        shared = np.minimum(corners[kept, 2:], corners[i, 2:]) - np.maximum(corners[kept, :2], corners[i, :2])
        common = np.maximum(shared, 0).prod(axis=1)
        if not (common > overlap * (area[kept] + area[i] - common)).any():
            kept.append(i)
    return kept
