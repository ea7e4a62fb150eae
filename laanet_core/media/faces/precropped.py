"""Pictures that are face crops already, as WildDeepfake's: nothing is cut, the detector only tells where in the crop the face is."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from laanet_core.media.faces.face_detectors import FaceDetector
from laanet_core.media.faces.retinaface import FaceDetection
from laanet_core.types import Image

MARGIN = 0.25
"""Reflection about a crop, in parts of its longer side, in which faces are searched too: detectors miss those that fill a picture."""


def whole_box(rgb: Image) -> tuple[float, float, float, float]:
    """The square (x0, y0, x1, y1) about an image (H, W, 3) whose side is the longer of its own."""
    height, width = rgb.shape[:2]
    side = max(height, width)
    left, top = float((width - side) // 2), float((height - side) // 2)
    return left, top, left + side, top + side


def find_in_crops(detector: FaceDetector, crops: Sequence[Image]) -> list[list[FaceDetection]]:
    """The face of each crop, in its pixels: the largest that the detector finds, else the whole crop, with neither points nor score."""
    margins = [_margin(crop) for crop in crops]
    padded = [_pad(crop, margin) for crop, margin in zip(crops, margins, strict=True)]
    found = detector.detect(padded)
    return [[_shifted(faces[0], margin) if faces else _given(crop)] for crop, margin, faces in zip(crops, margins, found, strict=True)]


def _margin(crop: Image) -> int:
    """Pixels of reflection on each side, as far as the crop has them."""
    height, width = crop.shape[:2]
    return int(min(round(MARGIN * max(height, width)), min(height, width) - 1))


def _pad(crop: Image, margin: int) -> Image:
    return np.asarray(cv2.copyMakeBorder(crop, margin, margin, margin, margin, cv2.BORDER_REFLECT_101), np.uint8)


def _shifted(face: FaceDetection, margin: int) -> FaceDetection:
    """A face of the padded crop in pixels of the crop."""
    x0, y0, x1, y1 = (value - margin for value in face.box)
    return FaceDetection((x0, y0, x1, y1), face.points - margin, face.score)


def _given(crop: Image) -> FaceDetection:
    """The crop as the face that its data set says it is."""
    height, width = crop.shape[:2]
    return FaceDetection((0.0, 0.0, float(width), float(height)), np.full((5, 2), np.nan), float("nan"))
