"""RetinaFace's outputs as faces: prior boxes, decoding, non-maximum suppression, box voting. Pure NumPy."""

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
VOTE_OVERLAP = 0.4
"""Candidates that overlap a face by this much (IoU) are averaged into it, as RetinaFace's authors do (arXiv 1905.00641, sec. 4.4). The
best of some 30 candidates a face, nearly equal in score, is a lottery; over 432 frames of 14 videos, the share of boxes that agree (IoU of
0.9) with those of the frame at its full size rose from 87 to 99 % at 640 pixels and at 512."""
MAX_CANDIDATES = 1000

Array = NDArray[np.float64]


class FaceDetection(NamedTuple):
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


def decode_faces(boxes: Array, scores: Array, points: Array, anchors: Array, min_score: float) -> list[FaceDetection]:
    """Faces of one image, the largest box first.

    boxes (n, 4), scores (n,), points (n, 10): the network's outputs; anchors (n, 3): `priors`; min_score: faces below are dropped.
    """
    likely = np.flatnonzero(scores >= min_score)
    likely = likely[np.argsort(-scores[likely], kind="stable")][:MAX_CANDIDATES]
    centre, side, score = anchors[likely, :2], anchors[likely, 2:], scores[likely]
    middle = centre + boxes[likely, :2] * CENTRE_VARIANCE * side
    half = side * np.exp(boxes[likely, 2:] * SIDE_VARIANCE) / 2
    corners = np.concatenate([middle - half, middle + half], axis=1)
    five = centre[:, None] + points[likely].reshape(-1, 5, 2) * CENTRE_VARIANCE * side[:, None]
    faces = [_voted(corners[i], corners, five, score) for i in suppress(corners)]
    return sorted(faces, key=lambda face: (-face.area, face.box))


def _voted(best: Array, corners: Array, points: Array, scores: Array) -> FaceDetection:
    """The face whose best box is `best` (4,): mean, weighted by score, of the candidates that overlap it, with the highest score."""
    near = overlaps(best, corners) >= VOTE_OVERLAP
    x0, y0, x1, y1 = np.average(corners[near], axis=0, weights=scores[near]).tolist()
    return FaceDetection((x0, y0, x1, y1), np.average(points[near], axis=0, weights=scores[near]), float(scores[near].max()))


def suppress(corners: Array, overlap: float = NMS_OVERLAP) -> list[int]:
    """Greedy non-maximum suppression: indices of the boxes (n, 4), given best first, that overlap (IoU) no better one by more."""
    kept: list[int] = []
    left = np.arange(len(corners))
    while len(left):
        kept.append(int(left[0]))
        left = left[1:][overlaps(corners[left[0]], corners[left[1:]]) <= overlap]
    return kept


def overlaps(box: Array, others: Array) -> Array:
    """IoU (n,) of a box (4,) with others (n, 4), all (x0, y0, x1, y1); 0 for two of no area."""
    sides = np.maximum(np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2]), 0)
    shared = sides[:, 0] * sides[:, 1]
    union = _areas(box[None]) + _areas(others) - shared
    return np.asarray(shared / np.maximum(union, np.finfo(np.float64).tiny), np.float64)


def _areas(corners: Array) -> Array:
    """Areas (n,) of boxes (n, 4); 0 where a side is negative."""
    return np.maximum(corners[:, 2] - corners[:, 0], 0) * np.maximum(corners[:, 3] - corners[:, 1], 0)
