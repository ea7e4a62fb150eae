"""Post-processing of RetinaFace outputs in NumPy: prior boxes, decoding, non-maximum suppression, box voting."""

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
"""Candidates that overlap a face with at least this IoU are averaged into it (box voting, RetinaFace, arXiv 1905.00641, sec. 4.4). Each
face has about 30 candidates with nearly equal scores, so the single best box is unstable. On 432 frames of 14 videos, box voting raised
the share of boxes that agree (IoU 0.9) with those at full resolution from 87 to 99 %, at 640 and at 512 pixels."""
MAX_CANDIDATES = 1000

Array = NDArray[np.float64]


class FaceDetection(NamedTuple):
    """One face, in pixels of its image.

    box: (x0, y0, x1, y1), may extend beyond the image; points: (5, 2) as (x, y): left eye, right eye, nose, left and right corner of
    the mouth, as the viewer sees them; score: in [0, 1].
    """

    box: tuple[float, float, float, float]
    points: Array
    score: float

    @property
    def area(self) -> float:
        """Area of the box in square pixels."""
        return (self.box[2] - self.box[0]) * (self.box[3] - self.box[1])


@lru_cache(maxsize=8)
def priors(height: int, width: int) -> Array:
    """Prior boxes (n, 3) as (centre x, centre y, side) in pixels, for an image of this size: row by row, two sides per cell.

    RetinaFace, arXiv 1905.00641, sec. 4.2, with the strides 8, 16, 32 and sides 16 to 512 of the trained networks.
    """
    return np.concatenate([_level_priors(height, width, stride, sizes) for stride, sizes in zip(STRIDES, SIZES, strict=True)])


def _level_priors(height: int, width: int, stride: int, sizes: tuple[int, int]) -> Array:
    """Prior boxes (n, 3) of one feature level."""
    rows, columns = math.ceil(height / stride), math.ceil(width / stride)
    y, x, side = np.meshgrid(np.arange(rows) + 0.5, np.arange(columns) + 0.5, np.array(sizes, float), indexing="ij")
    return np.stack([x * stride, y * stride, side], axis=-1).reshape(-1, 3)


def decode_faces(boxes: Array, scores: Array, points: Array, anchors: Array, min_score: float) -> list[FaceDetection]:
    """Decode the faces of one image, the largest box first.

    boxes: (n, 4), scores: (n,), points: (n, 10), outputs of the network; anchors: (n, 3), see `priors`; min_score: lowest score kept.
    """
    kept = np.flatnonzero(scores >= min_score)
    kept = kept[np.argsort(-scores[kept], kind="stable")][:MAX_CANDIDATES]
    prior_centre, side, score = anchors[kept, :2], anchors[kept, 2:], scores[kept]
    centre = prior_centre + boxes[kept, :2] * CENTRE_VARIANCE * side
    half = side * np.exp(boxes[kept, 2:] * SIDE_VARIANCE) / 2
    corners = np.concatenate([centre - half, centre + half], axis=1)
    face_points = prior_centre[:, None] + points[kept].reshape(-1, 5, 2) * CENTRE_VARIANCE * side[:, None]
    faces = [_vote(corners[i], corners, face_points, score) for i in suppress(corners)]
    return sorted(faces, key=lambda face: (-face.area, face.box))


def _vote(best: Array, corners: Array, points: Array, scores: Array) -> FaceDetection:
    """Average the candidates that overlap the box `best` (4,), weighted by score; the face gets their highest score."""
    near = overlaps(best, corners) >= VOTE_OVERLAP
    x0, y0, x1, y1 = np.average(corners[near], axis=0, weights=scores[near]).tolist()
    return FaceDetection((x0, y0, x1, y1), np.average(points[near], axis=0, weights=scores[near]), float(scores[near].max()))


def suppress(corners: Array, overlap: float = NMS_OVERLAP) -> list[int]:
    """Greedy non-maximum suppression of boxes (n, 4), best first; returns the indices of those kept. overlap: highest accepted IoU."""
    kept: list[int] = []
    remaining = np.arange(len(corners))
    while len(remaining):
        kept.append(int(remaining[0]))
        remaining = remaining[1:][overlaps(corners[remaining[0]], corners[remaining[1:]]) <= overlap]
    return kept


def overlaps(box: Array, others: Array) -> Array:
    """IoU (n,) of a box (4,) with others (n, 4), all (x0, y0, x1, y1); 0 if both have no area."""
    sides = np.maximum(np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2]), 0)
    intersection = sides[:, 0] * sides[:, 1]
    union = _areas(box[None]) + _areas(others) - intersection
    return np.asarray(intersection / np.maximum(union, np.finfo(np.float64).tiny), np.float64)


def _areas(corners: Array) -> Array:
    """Areas (n,) of boxes (n, 4); 0 if a side is negative."""
    return np.maximum(corners[:, 2] - corners[:, 0], 0) * np.maximum(corners[:, 3] - corners[:, 1], 0)
