"""A face swap from landmarks: the donor's face is warped triangle by triangle, coloured like the target's, and blended in.

The triangles are Delaunay's over the 68 points, with the jaw drawn in and a strip of forehead added. The blending is either a
feathered mask or Poisson's (Perez et al., 2003, as in OpenCV's `seamlessClone`). The inside of the mouth stays the target's.
Nothing here is shared with the pseudo-fakes of the training (`laanet_core.synthesis`).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from laanet_core.demo.cast import Method
from laanet_core.types import Image

Array = NDArray[np.float64]

JAW, BROWS, NASION, CHIN, INNER_MOUTH = slice(0, 17), slice(17, 27), 27, 8, slice(60, 68)
JAW_INSET = 0.06
"""How far the jaw's points are drawn to the face's middle: dlib's jaw lies on the edge, where background begins."""
FOREHEAD = 0.16
"""Height of the forehead strip over the brows, in distances from the nasion to the chin."""
FEATHER = 0.14
"""Width of the soft edge, in widths of the face."""
CONTRAST_LIMITS = ((0.75, 0.8, 0.8), (1.3, 1.1, 1.1))
"""Least and largest change of contrast, of lightness and the two colour axes: a beard or glossy skin must not set it."""
MARGIN = 8
"""Pixels of the frame about the face that the work is done on."""
_SUBPIXEL_BITS = 4


@dataclass(frozen=True)
class FaceImage:
    """A face to be worn: RGB image (H, W, 3) and its control points (78, 2)."""

    image: Image
    points: Array


def control_points(landmarks: Array) -> Array:
    """(68, 2) landmarks -> (78, 2): jaw drawn in, ten points of the forehead after the rest."""
    points = landmarks.astype(np.float64)
    middle = points[27:36].mean(axis=0)
    up = points[NASION] - points[CHIN]
    forehead = points[BROWS] + FOREHEAD * up
    points[JAW] += JAW_INSET * (middle - points[JAW])
    return np.concatenate([points, forehead])


def triangulate(points: Array) -> NDArray[np.int32]:
    """Delaunay triangles (n, 3) over control points, as indices."""
    return np.asarray(Delaunay(points).simplices, np.int32)


def swap_face(target: Image, landmarks: Array, donor: FaceImage, triangles: NDArray[np.int32], method: Method) -> Image:
    """The target's RGB frame (H, W, 3) with the donor's face.

    landmarks: the target's (68, 2) in pixels; triangles: of `triangulate`, the same over a clip so that nothing flickers.
    """
    points = control_points(landmarks)
    height, width = target.shape[:2]
    left, top = np.maximum(np.floor(points.min(axis=0)).astype(int) - MARGIN, 0).tolist()
    right, bottom = np.minimum(np.ceil(points.max(axis=0)).astype(int) + MARGIN, (width, height)).tolist()
    swapped = target.copy()
    if left < right and top < bottom:
        place = np.s_[top:bottom, left:right]
        swapped[place] = _swap_patch(target[place], landmarks - (left, top), donor, triangles, method)
    return swapped


def _swap_patch(target: Image, landmarks: Array, donor: FaceImage, triangles: NDArray[np.int32], method: Method) -> Image:
    """`swap_face` on the part of the frame that holds the face."""
    points = control_points(landmarks)
    warped, hull = warp_face(donor, points, triangles, target)
    width = float(np.ptp(points[JAW, 0]))
    soft = _soft_mask(hull, FEATHER * width)
    coloured = match_colours(warped, target, soft > 0.5)
    alpha = soft * _outside_mouth(landmarks, hull.shape, width)
    if method == "poisson":
        coloured = _clone(coloured, target, hull, width)
        alpha = np.minimum(4 * alpha, 1)
    blended = target + alpha[..., None] * (coloured.astype(np.float32) - target)
    return np.asarray(np.rint(blended).clip(0, 255), np.uint8)


def warp_face(donor: FaceImage, points: Array, triangles: NDArray[np.int32], target: Image) -> tuple[Image, NDArray[np.bool_]]:
    """The donor's face moved to control points (78, 2) of the target, over the target's pixels, and the area it covers (H, W)."""
    height, width = target.shape[:2]
    owner = np.full((height, width), -1, np.int16)
    for number, corners in enumerate(points[triangles]):
        fixed = np.rint(corners * (1 << _SUBPIXEL_BITS)).astype(np.int32)
        cv2.fillConvexPoly(owner, fixed, number, lineType=cv2.LINE_8, shift=_SUBPIXEL_BITS)
    rows, columns = np.nonzero(owner >= 0)
    matrices = _affine_maps(points[triangles], donor.points[triangles])[owner[rows, columns]]
    places = np.stack([columns, rows, np.ones_like(rows)], axis=1).astype(np.float64)
    found = np.einsum("nij,nj->ni", matrices, places).astype(np.float32)
    maps = np.zeros((height, width, 2), np.float32)
    maps[rows, columns] = found
    moved = cv2.remap(donor.image, maps, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    hull = owner >= 0
    return np.where(hull[..., None], moved, target).astype(np.uint8), hull


def _affine_maps(origin: Array, goal: Array) -> Array:
    """Matrices (n, 2, 3) that take triangles (n, 3, 2) `origin` to `goal`; a flat triangle takes the nearest solution."""
    homogeneous = np.concatenate([origin, np.ones((*origin.shape[:2], 1))], axis=2)
    return np.asarray((np.linalg.pinv(homogeneous) @ goal).transpose(0, 2, 1))


def _soft_mask(hull: NDArray[np.bool_], feather: float) -> NDArray[np.float32]:
    """1 inside, falling smoothly to 0 at the hull's edge over `feather` pixels."""
    distance = cv2.distanceTransform(hull.astype(np.uint8), cv2.DIST_L2, 5)
    ramp = np.clip(distance / max(feather, 1.0), 0, 1)
    return np.asarray(ramp * ramp * (3 - 2 * ramp), np.float32)


def _outside_mouth(landmarks: Array, shape: tuple[int, ...], width: float) -> NDArray[np.float32]:
    """0 between the target's lips and 1 elsewhere, with a soft edge."""
    mouth = np.zeros(shape, np.float32)
    fixed = np.rint(landmarks[INNER_MOUTH] * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    cv2.fillPoly(mouth, [fixed], 1.0, lineType=cv2.LINE_AA, shift=_SUBPIXEL_BITS)
    return np.asarray(1 - np.minimum(2 * cv2.GaussianBlur(mouth, (0, 0), 0.01 * width + 0.5), 1), np.float32)


def match_colours(face: Image, target: Image, area: NDArray[np.bool_]) -> Image:
    """The face with the target's mean and deviation of each Lab channel within an area (H, W) (Reinhard et al., 2001)."""
    if not area.any():
        return face
    source_lab, target_lab = (cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB) for image in (face, target))
    source, wanted = source_lab[area], target_lab[area]
    contrast = np.clip(wanted.std(axis=0) / (source.std(axis=0) + 1e-6), *CONTRAST_LIMITS)
    source_lab = (source_lab - source.mean(axis=0)) * contrast + wanted.mean(axis=0)
    rgb = cv2.cvtColor(source_lab.astype(np.float32), cv2.COLOR_LAB2RGB)
    return np.asarray(np.rint(rgb * 255).clip(0, 255), np.uint8)


def _clone(face: Image, target: Image, hull: NDArray[np.bool_], width: float) -> Image:
    """Poisson blending of the hull, a little drawn in, kept off the frame's border."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * round(0.02 * width) + 1,) * 2)
    mask = cv2.erode(hull.astype(np.uint8) * 255, kernel)
    mask[:2], mask[-2:], mask[:, :2], mask[:, -2:] = 0, 0, 0, 0
    x, y, box_width, box_height = cv2.boundingRect(mask)
    if not box_width:
        return target
    centre = (x + box_width // 2, y + box_height // 2)
    return np.asarray(cv2.seamlessClone(face, target, mask, centre, cv2.NORMAL_CLONE), np.uint8)
