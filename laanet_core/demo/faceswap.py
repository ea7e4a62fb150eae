"""Landmark-based face swap: the donor's face is warped piecewise affinely, colour-matched to the target and blended in.

The triangulation is the Delaunay triangulation of the 68 landmarks, with the jaw moved inwards and a forehead strip added. Blending uses
a feathered mask or Poisson blending (Perez et al., 2003, OpenCV's `seamlessClone`). The inside of the mouth is kept from the target.
No code is shared with the pseudo-fakes used in training (`laanet_core.synthesis`).
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
"""Fraction by which jaw points are moved towards the middle of the face, as dlib's jaw line is the boundary to the background."""
FOREHEAD = 0.16
"""Height of the forehead strip above the brows, relative to the distance from nasion to chin."""
FEATHER = 0.14
"""Width of the soft edge, relative to the width of the face."""
CONTRAST_LIMITS = ((0.75, 0.8, 0.8), (1.3, 1.1, 1.1))
"""Minimum and maximum contrast factors of the Lab channels, which limit the influence of beards and glossy skin."""
MARGIN = 8
"""Margin in pixels around the face of the processed part of the frame."""
_SUBPIXEL_BITS = 4


@dataclass(frozen=True)
class FaceImage:
    """Donor face: RGB image (H, W, 3) and its control points (78, 2)."""

    image: Image
    points: Array


def control_points(landmarks: Array) -> Array:
    """Convert landmarks (68, 2) to control points (78, 2): jaw moved inwards, ten forehead points appended."""
    points = landmarks.astype(np.float64)
    middle = points[27:36].mean(axis=0)
    up = points[NASION] - points[CHIN]
    forehead = points[BROWS] + FOREHEAD * up
    points[JAW] += JAW_INSET * (middle - points[JAW])
    return np.concatenate([points, forehead])


def triangulate(points: Array) -> NDArray[np.int32]:
    """Return the Delaunay triangles (n, 3) of control points, as indices."""
    return np.asarray(Delaunay(points).simplices, np.int32)


def swap_face(target: Image, landmarks: Array, donor: FaceImage, triangles: NDArray[np.int32], method: Method) -> Image:
    """Return the target's RGB frame (H, W, 3) with the donor's face.

    landmarks: landmarks of the target (68, 2) in pixels; triangles: result of `triangulate`, constant over a clip to avoid flicker.
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
    """Apply `swap_face` to the part of the frame that contains the face."""
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
    """Warp the donor's face to control points (78, 2) of the target; return the result on top of the target and the covered mask (H, W)."""
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
    """Return affine matrices (n, 2, 3) that map triangles (n, 3, 2) `origin` to `goal`; least squares for degenerate triangles."""
    homogeneous = np.concatenate([origin, np.ones((*origin.shape[:2], 1))], axis=2)
    return np.asarray((np.linalg.pinv(homogeneous) @ goal).transpose(0, 2, 1))


def _soft_mask(hull: NDArray[np.bool_], feather: float) -> NDArray[np.float32]:
    """Return a soft mask: 1 inside, falling smoothly to 0 over `feather` pixels at the edge of the hull."""
    distance = cv2.distanceTransform(hull.astype(np.uint8), cv2.DIST_L2, 5)
    ramp = np.clip(distance / max(feather, 1.0), 0, 1)
    return np.asarray(ramp * ramp * (3 - 2 * ramp), np.float32)


def _outside_mouth(landmarks: Array, shape: tuple[int, ...], width: float) -> NDArray[np.float32]:
    """Return a mask that is 0 between the target's lips and 1 elsewhere, with a soft edge."""
    mouth = np.zeros(shape, np.float32)
    fixed = np.rint(landmarks[INNER_MOUTH] * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    cv2.fillPoly(mouth, [fixed], 1.0, lineType=cv2.LINE_AA, shift=_SUBPIXEL_BITS)
    return np.asarray(1 - np.minimum(2 * cv2.GaussianBlur(mouth, (0, 0), 0.01 * width + 0.5), 1), np.float32)


def match_colours(face: Image, target: Image, area: NDArray[np.bool_]) -> Image:
    """Match mean and standard deviation of each Lab channel to the target's within an area (H, W) (Reinhard et al., 2001)."""
    if not area.any():
        return face
    source_lab, target_lab = (cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB) for image in (face, target))
    source_pixels, target_pixels = source_lab[area], target_lab[area]
    contrast = np.clip(target_pixels.std(axis=0) / (source_pixels.std(axis=0) + 1e-6), *CONTRAST_LIMITS)
    source_lab = (source_lab - source_pixels.mean(axis=0)) * contrast + target_pixels.mean(axis=0)
    rgb = cv2.cvtColor(source_lab.astype(np.float32), cv2.COLOR_LAB2RGB)
    return np.asarray(np.rint(rgb * 255).clip(0, 255), np.uint8)


def _clone(face: Image, target: Image, hull: NDArray[np.bool_], width: float) -> Image:
    """Blend the hull, slightly eroded and kept off the frame's border, by Poisson blending."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * round(0.02 * width) + 1,) * 2)
    mask = cv2.erode(hull.astype(np.uint8) * 255, kernel)
    mask[:2], mask[-2:], mask[:, :2], mask[:, -2:] = 0, 0, 0, 0
    x, y, box_width, box_height = cv2.boundingRect(mask)
    if not box_width:
        return target
    centre = (x + box_width // 2, y + box_height // 2)
    return np.asarray(cv2.seamlessClone(face, target, mask, centre, cv2.NORMAL_CLONE), np.uint8)
