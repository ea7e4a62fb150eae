"""Agreement of the pipeline's boxes and landmarks with those of the plain implementation on the same frames."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.plain_media import PlainFaces
from laanet_core.media.faces.crops import BOX_COLUMNS, CROP_COLUMNS
from laanet_core.media.faces.landmarks import LandmarkStore
from laanet_core.media.faces.retinaface import overlaps
from laanet_core.store.csv_io import read_table

AGREES = 0.9
LEFT_EYE, RIGHT_EYE = slice(36, 42), slice(42, 48)

Points = NDArray[np.float64]


def agreement(faces_csv: Path, landmarks: Path, plain: Mapping[str, PlainFaces], size: int) -> dict[str, float]:
    """Compare the largest face of each frame.

    Gives the fraction of frames whose boxes have an IoU of at least 0.9 (1 if neither found one, 0 if only one did), the first percentile
    of the IoU, the distance of the landmarks in units of the distance between the eyes, and the fraction of crops in which dlib's detector
    finds the face. size: pixels of a crop's side.
    """
    rows = [row for row in read_table(faces_csv, ["video_id", "frame", "face", *BOX_COLUMNS, *CROP_COLUMNS]) if int(row["face"]) <= 0]
    ious = np.array([_iou(row, plain[row["video_id"]]) for row in rows])
    with LandmarkStore(landmarks) as store:
        distances = np.array(list(_distances(rows, store, plain, size)))
    crops = sum(len(faces.crops) for faces in plain.values())
    return {
        "frames": len(rows),
        "iou_of_0.9": round(float((ious >= AGREES).mean()), 4),
        "iou_first_percentile": round(float(np.quantile(ious, 0.01)), 3),
        "landmarks_median": round(float(np.median(distances)), 4),
        "landmarks_95_percent": round(float(np.quantile(distances, 0.95)), 4),
        "dlib_finds_the_face": round(sum(len(faces.points) for faces in plain.values()) / max(crops, 1), 4),
    }


def _iou(row: Mapping[str, str], plain: PlainFaces) -> float:
    """IoU of the boxes of one frame: 1 if neither implementation found a face, 0 if only one did."""
    other = plain.boxes.get(int(row["frame"]))
    if row["face"] == "-1" or other is None:
        return float(row["face"] == "-1" and other is None)
    return float(overlaps(np.array([float(row[column]) for column in BOX_COLUMNS]), np.array([other]))[0])


def _distances(rows: list[dict[str, str]], store: LandmarkStore, plain: Mapping[str, PlainFaces], size: int) -> list[float]:
    """Mean distance of the 68 points for each frame in which both implementations have them."""
    boxes = {(row["video_id"], int(row["frame"])): [float(row[column]) for column in CROP_COLUMNS] for row in rows if row["face"] == "0"}
    found = []
    for video_id in store.video_ids():
        for frame, face, points in zip(store.frames(video_id), store.faces(video_id), store.points(video_id), strict=True):
            other = plain[video_id].points.get(int(frame))
            if face == 0 and other is not None:
                ours = _in_frame(points.astype(np.float64), boxes[video_id, int(frame)], size)
                theirs = _in_frame(other.astype(np.float64), plain[video_id].crops[int(frame)], size)
                eyes = np.linalg.norm(theirs[LEFT_EYE].mean(axis=0) - theirs[RIGHT_EYE].mean(axis=0))
                found.append(float(np.linalg.norm(ours - theirs, axis=1).mean() / eyes))
    return found


def _in_frame(points: Points, box: list[float] | tuple[float, ...], size: int) -> Points:
    """Convert points from pixels of a crop of `size` pixels to pixels of the frame."""
    return np.array(box[:2]) + points * (box[2] - box[0]) / size
