"""Tracking of the 68 facial landmarks over a clip."""

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
"""Standard deviation in frames of the temporal Gaussian: dlib's points jitter by about a pixel, which would make a swapped face flicker."""


def track_face(frames: Sequence[NDArray[np.uint8]], assets: Path) -> NDArray[np.float64]:
    """Return the landmarks (n, 68, 2) in pixels of the largest face in each RGB frame, smoothed over time; NaN for frames without one."""
    track = np.full((len(frames), 68, 2), np.nan)
    for number, faces in enumerate(load_detector(DETECTION, assets).detect(frames)):
        if faces:
            track[number] = predict_landmarks(frames[number], faces[0].box, assets)
    return smooth_track(track)


def smooth_track(track: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smooth each run of consecutive frames with a face over time, separately."""
    smooth = track.copy()
    has_face = np.isfinite(track).all(axis=(1, 2))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], has_face, [False]]).astype(np.int8)))
    for start, end in edges.reshape(-1, 2):
        smooth[start:end] = gaussian_filter1d(track[start:end], SMOOTHING, axis=0, mode="nearest")
    return smooth
