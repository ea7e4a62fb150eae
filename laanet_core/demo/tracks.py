"""The 68 landmarks of a clip's face over time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from laanet_core.media.faces.face_detectors import load_detector
from laanet_core.media.faces.shape_predictor import predict_landmarks
from laanet_core.params import CropsParams

DETECTION = CropsParams(detector="retinaface_mobilenet", enlarge=1.25, size=160, faces="largest", min_score=0.8, max_side=640)
SMOOTHING = 1.0
"""Deviation in frames of the Gaussian over time: dlib's points tremble by about a pixel, which would make a swapped face flicker."""


def track_face(frames: Sequence[NDArray[np.uint8]], assets: Path) -> NDArray[np.float64]:
    """Landmarks (n, 68, 2) in pixels of the largest face of each RGB frame, smoothed over time; NaN where a frame has none."""
    track = np.full((len(frames), 68, 2), np.nan)
    for number, faces in enumerate(load_detector(DETECTION, assets).detect(frames)):
        if faces:
            track[number] = predict_landmarks(frames[number], faces[0].box, assets)
    return smooth_track(track)


def smooth_track(track: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each run of frames with a face, smoothed over time by itself."""
    smooth = track.copy()
    seen = np.isfinite(track).all(axis=(1, 2))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], seen, [False]]).astype(np.int8)))
    for start, end in edges.reshape(-1, 2):
        smooth[start:end] = gaussian_filter1d(track[start:end], SMOOTHING, axis=0, mode="nearest")
    return smooth
