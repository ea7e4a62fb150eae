"""The landmarks stage: 68 dlib landmarks of every crop of a data set, in one HDF5 file."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError

from laanet_core.datasets.index import STORED
from laanet_core.errors import LaanetError
from laanet_core.media.faces import shape_predictor
from laanet_core.media.faces.crops import BOX_COLUMNS, CROP_COLUMNS
from laanet_core.media.faces.shape_predictor import predict_landmarks
from laanet_core.media.storage.shards import Shard, crop_members, read_rgb
from laanet_core.status import Status, summarise
from laanet_core.store.account import ENTRY, Account, input_digest
from laanet_core.store.code import code_key
from laanet_core.store.csv_io import read_table, write_table
from laanet_core.store.digests import file_digest
from laanet_core.store.items import run_items
from laanet_core.store.outputs import output_path
from laanet_core.store.work_dir import WorkDir, item_key
from laanet_core.store.writing import write_bytes
from laanet_core.types import Points

COLUMNS = ["video_id", "status", "reason", "n_crops", "n_landmarks"]
MAX_OUTSIDE = 0.5
"""Landmarks are rejected if one is further outside the crop than this share of its side."""
MIN_HULL_AREA = 0.02
"""Landmarks are rejected if their convex hull covers less than this share of the crop."""


@dataclass(frozen=True)
class LandmarksTask:
    """Find the landmarks of one video.

    shard: its crops; digest: of the shard's content; boxes: (frame, face) -> face box in crop pixels divided by the crop's side.
    """

    shard: str
    digest: str
    boxes: dict[tuple[int, int], tuple[float, ...]]
    assets: str


def cache_landmarks(crops: Path, out_h5: Path, out_csv: Path, assets: Path, work: WorkDir, executor: Executor) -> str:
    """Write the landmarks of all crops of a folder into an HDF5 file, and one row per video into a CSV; returns the summary line.

    In the HDF5 file, `/<video_id>/points` is float32 (n, 68, 2) as (x, y) in crop pixels; `/<video_id>/frames` and `/faces` are int32
    (n,). assets: folder of the predictor's file. A crop without plausible landmarks is left out and counted.
    """
    videos = read_table(crops / "videos.csv", ["video_id", "status", "reason", "n_faces", "digest"])
    usable = {video["video_id"]: video for video in videos if video["status"] == Status.OK}
    boxes = _face_boxes(crops / "faces.csv")
    predictor = file_digest(shape_predictor.predictor_file(assets))
    code = code_key(find_landmarks)
    keys = {name: item_key(crops=video["digest"], predictor=predictor, code=code) for name, video in usable.items()}
    tasks = {
        name: LandmarksTask(str(output_path(crops, name, ".tar").absolute()), video["digest"], boxes[name], str(assets.absolute()))
        for name, video in usable.items()
    }
    items = run_items(work, keys, find_landmarks, tasks, executor, "landmarks", give_up_landmarks)
    landmarks = {name: _load_item(item) for name, item in items.items()}
    _write_store(out_h5, landmarks, Account({}, {f"crops/{crops.name}": input_digest(crops), "assets/dlib_68_landmarks": predictor}, code))
    table = [_row(video, landmarks.get(video["video_id"])) for video in videos]
    write_table(out_csv, COLUMNS, table)
    return summarise("landmarks", table)


def find_landmarks(task: LandmarksTask, path: Path) -> None:
    """Write the landmarks of one video's crops as npz: points (n, 68, 2), frames (n,), faces (n,)."""
    kept: list[tuple[Points, int, int]] = []
    with Shard(Path(task.shard), task.digest) as shard:
        for member, frame, face in crop_members(shard):
            rgb = read_rgb(shard, member)
            side = rgb.shape[0]
            points = predict_landmarks(rgb, [value * side for value in task.boxes[frame, face]], Path(task.assets))
            if is_face(points, side):
                kept.append((points, frame, face))
    _write_item(path, kept)


def give_up_landmarks(task: LandmarksTask, path: Path, reason: str) -> None:
    """Write the item of a video on which the worker failed: no landmarks, and the reason."""
    _write_item(path, [], reason)


def _write_item(path: Path, kept: list[tuple[Points, int, int]], reason: str = "") -> None:
    """Write (points, frame, face) of each crop of a video; reason: why there are none, if the worker failed."""
    arrays: dict[str, NDArray[Any]] = {
        "points": np.array([points for points, _, _ in kept], np.float32).reshape(-1, 68, 2),
        "frames": np.array([frame for _, frame, _ in kept], np.int32),
        "faces": np.array([face for _, _, face in kept], np.int32),
        "reason": np.array(reason),
    }
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def is_face(points: Points, side: int) -> bool:
    """Whether landmarks (68, 2) are in or near a crop of `side` pixels and their hull is large enough."""
    if not np.isfinite(points).all() or points.min() < -MAX_OUTSIDE * side or points.max() > (1 + MAX_OUTSIDE) * side:
        return False
    try:
        return bool(ConvexHull(points).volume >= MIN_HULL_AREA * side**2)
    except QhullError:
        return False


def _face_boxes(path: Path) -> dict[str, dict[tuple[int, int], tuple[float, ...]]]:
    """Video -> (frame, face) -> face box in crop pixels divided by the crop's side, from faces.csv."""
    boxes: dict[str, dict[tuple[int, int], tuple[float, ...]]] = {}
    for row in read_table(path, ["video_id", "frame", "face", *BOX_COLUMNS, *CROP_COLUMNS]):
        if row["face"] == "-1":
            continue
        x0, y0, x1, _ = (float(row[column]) for column in CROP_COLUMNS)
        corner = (x0, y0, x0, y0)
        box = tuple((float(row[column]) - start) / (x1 - x0) for column, start in zip(BOX_COLUMNS, corner, strict=True))
        boxes.setdefault(row["video_id"], {})[int(row["frame"]), int(row["face"])] = box
    return boxes


def _load_item(path: Path) -> dict[str, NDArray[Any]]:
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in ("points", "frames", "faces", "reason")}


def _write_store(path: Path, landmarks: Mapping[str, Mapping[str, NDArray[Any]]], made: Account) -> None:
    """Write the HDF5 file, sorted by video; it is built in memory first, since HDF5 does not report a full disk."""
    content = io.BytesIO()
    with h5py.File(content, "w", track_order=False) as file:
        file.attrs[ENTRY] = json.dumps(made.as_json(), sort_keys=True)
        for name in sorted(landmarks):
            if len(landmarks[name]["frames"]):
                for key in STORED:
                    file.create_dataset(f"{name}/{key}", data=landmarks[name][key], track_times=False)
    write_bytes(path, content.getvalue())


def _row(video: Mapping[str, str], landmarks: Mapping[str, NDArray[Any]] | None) -> dict[str, Any]:
    """The row of a video in the CSV."""
    name = video["video_id"]
    if landmarks is None:
        return {"video_id": name, "status": video["status"], "reason": video["reason"], "n_crops": 0, "n_landmarks": 0}
    crops, kept = int(video["n_faces"]), len(landmarks["frames"])
    if not kept:
        reason = str(landmarks["reason"]) or f"no plausible landmarks on any of its {crops} crops"
        status = Status.NO_LANDMARKS
    else:
        reason = f"no landmarks on {crops - kept} of {crops} crops" if kept < crops else ""
        status = Status.OK
    return {"video_id": name, "status": status, "reason": reason, "n_crops": crops, "n_landmarks": kept}


class LandmarkStore:
    """Reads the HDF5 file of a data set; raises LaanetError if it is missing or damaged."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = h5py.File(path, "r")
        except FileNotFoundError:
            raise LaanetError(f"{path}: not found; build it with 'dvc repro'.") from None
        except OSError as error:
            raise LaanetError(f"{path}: not a complete HDF5 file ({error}); remove it and run 'dvc repro'.") from None

    def video_ids(self) -> list[str]:
        """Ids of the videos with landmarks, sorted."""
        names: list[str] = []
        self._file.visititems(lambda name, node: names.append(name.rpartition("/")[0]) if name.endswith("/points") else None)
        return sorted(names)

    def points(self, video_id: str) -> Points:
        """Landmarks (n, 68, 2) as (x, y) in crop pixels."""
        return np.asarray(self._file[f"{video_id}/points"][()], np.float32)

    def frames(self, video_id: str) -> NDArray[np.int32]:
        """Frame number (n,) of each row of points."""
        return np.asarray(self._file[f"{video_id}/frames"][()], np.int32)

    def faces(self, video_id: str) -> NDArray[np.int32]:
        """Face number (n,) of each row of points within its frame; 0 is the largest face."""
        return np.asarray(self._file[f"{video_id}/faces"][()], np.int32)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> LandmarkStore:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
