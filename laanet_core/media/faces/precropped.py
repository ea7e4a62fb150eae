"""Data sets of face crops, such as WildDeepfake: the pictures stay uncut and the detector only locates the face in each."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from laanet_core.media.faces.face_detectors import FaceDetector
from laanet_core.media.faces.retinaface import FaceDetection
from laanet_core.types import Image

MARGIN = 0.25
"""Width of the reflected border added before detection, relative to the longer side: detectors miss faces that fill the picture."""


def enclosing_square(rgb: Image) -> tuple[float, float, float, float]:
    """The smallest centred square (x0, y0, x1, y1) that contains an image (H, W, 3)."""
    height, width = rgb.shape[:2]
    side = max(height, width)
    left, top = float((width - side) // 2), float((height - side) // 2)
    return left, top, left + side, top + side


def find_in_crops(detector: FaceDetector, crops: Sequence[Image]) -> list[list[FaceDetection]]:
    """One face per crop, in its pixels: the largest detected face, else the complete crop with NaN points and score."""
    margins = [_margin(crop) for crop in crops]
    padded = [_pad(crop, margin) for crop, margin in zip(crops, margins, strict=True)]
    found = detector.detect(padded)
    return [
        [_shifted(faces[0], margin) if faces else _complete_crop(crop)] for crop, margin, faces in zip(crops, margins, found, strict=True)
    ]


def _margin(crop: Image) -> int:
    """Width of the reflected border in pixels, at most what the crop can fill."""
    height, width = crop.shape[:2]
    return int(min(round(MARGIN * max(height, width)), min(height, width) - 1))


def _pad(crop: Image, margin: int) -> Image:
    return np.asarray(cv2.copyMakeBorder(crop, margin, margin, margin, margin, cv2.BORDER_REFLECT_101), np.uint8)


def _shifted(face: FaceDetection, margin: int) -> FaceDetection:
    """Convert a face from pixels of the padded crop to pixels of the crop."""
    x0, y0, x1, y1 = (value - margin for value in face.box)
    return FaceDetection((x0, y0, x1, y1), face.points - margin, face.score)


def _complete_crop(crop: Image) -> FaceDetection:
    """The complete crop as a face, with NaN points and score."""
    height, width = crop.shape[:2]
    return FaceDetection((0.0, 0.0, float(width), float(height)), np.full((5, 2), np.nan), float("nan"))
