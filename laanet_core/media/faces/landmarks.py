"""The landmarks stage: 68 dlib points of every crop of a data set, in one HDF5 file."""

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

COLUMNS = ["video_id", "status", "reason", "n_crops", "n_landmarks"]
OUTSIDE = 0.5
"""Points further outside the crop than this share of its side are no landmarks of its face."""
MIN_HULL = 0.02
"""A hull smaller than this share of the crop is no face."""

Points = NDArray[np.float32]


@dataclass(frozen=True)
class LandmarksTask:
    """One video's shard of crops and the digest of its content; boxes: (frame, face) -> face box in crop pixels over the crop's side."""

    shard: str
    digest: str
    boxes: dict[tuple[int, int], tuple[float, ...]]
    assets: str


def cache_landmarks(crops: Path, out_h5: Path, out_csv: Path, assets: Path, work: WorkDir, executor: Executor) -> str:
    """Landmarks of all crops of a folder into an HDF5 file, and one row a video into a CSV; returns the summary line.

    In the HDF5 file, `/<video_id>/points` is float32 (n, 68, 2) of (x, y) in crop pixels, `/<video_id>/frames` and `/faces` int32 (n,).
    assets: folder that holds the predictor. A crop whose points are no face's is left out and counted.
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
    found = {name: _load_item(item) for name, item in items.items()}
    _write_store(out_h5, found, Account({}, {f"crops/{crops.name}": input_digest(crops), "assets/dlib_68_landmarks": predictor}, code))
    table = [_row(video, found.get(video["video_id"])) for video in videos]
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
    """Write that a video's crops have no landmarks, and why."""
    _write_item(path, [], reason)


def _write_item(path: Path, kept: list[tuple[Points, int, int]], reason: str = "") -> None:
    """Write (points, frame, face) of a video's crops; reason: why there are none, if the crops are not to blame."""
    arrays: dict[str, NDArray[Any]] = {
        "points": np.array([points for points, _, _ in kept], np.float32).reshape(-1, 68, 2),
        "frames": np.array([frame for _, frame, _ in kept], np.int32),
        "faces": np.array([face for _, _, face in kept], np.int32),
        "reason": np.array(reason),
    }
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def is_face(points: Points, side: int) -> bool:
    """Whether 68 points (68, 2) lie in or near a crop of `side` pixels and enclose an area worth the name."""
    if not np.isfinite(points).all() or points.min() < -OUTSIDE * side or points.max() > (1 + OUTSIDE) * side:
        return False
    try:
        return bool(ConvexHull(points).volume >= MIN_HULL * side**2)
    except QhullError:
        return False


def _face_boxes(path: Path) -> dict[str, dict[tuple[int, int], tuple[float, ...]]]:
    """Video -> (frame, face) -> face box in crop pixels over the crop's side, from faces.csv."""
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


def _write_store(path: Path, found: Mapping[str, Mapping[str, NDArray[Any]]], made: Account) -> None:
    """Write the HDF5 file, videos in the order of their ids; in memory first, since HDF5 does not say that a disk is full."""
    content = io.BytesIO()
    with h5py.File(content, "w", track_order=False) as file:
        file.attrs[ENTRY] = json.dumps(made.as_json(), sort_keys=True)
        for name in sorted(found):
            if len(found[name]["frames"]):
                for key in STORED:
                    file.create_dataset(f"{name}/{key}", data=found[name][key], track_times=False)
    write_bytes(path, content.getvalue())


def _row(video: Mapping[str, str], found: Mapping[str, NDArray[Any]] | None) -> dict[str, Any]:
    """One row of the CSV: what became of a video's crops."""
    name = video["video_id"]
    if found is None:
        return {"video_id": name, "status": video["status"], "reason": video["reason"], "n_crops": 0, "n_landmarks": 0}
    crops, kept = int(video["n_faces"]), len(found["frames"])
    if not kept:
        reason = str(found["reason"]) or f"the points of none of its {crops} crops are a face's"
        status = Status.NO_LANDMARKS
    else:
        reason = f"no landmarks on {crops - kept} of {crops} crops" if kept < crops else ""
        status = Status.OK
    return {"video_id": name, "status": status, "reason": reason, "n_crops": crops, "n_landmarks": kept}


class LandmarkStore:
    """Reads the HDF5 file of a data set; raises LaanetError when it is missing or damaged."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = h5py.File(path, "r")
        except FileNotFoundError:
            raise LaanetError(f"{path}: not found; build it with 'dvc repro'.") from None
        except OSError as error:
            raise LaanetError(f"{path}: not a whole HDF5 file ({error}); remove it and run 'dvc repro'.") from None

    def video_ids(self) -> list[str]:
        """Videos that have landmarks, sorted."""
        found: list[str] = []
        self._file.visititems(lambda name, node: found.append(name.rpartition("/")[0]) if name.endswith("/points") else None)
        return sorted(found)

    def points(self, video_id: str) -> Points:
        """Landmarks (n, 68, 2) of (x, y) in crop pixels."""
        return np.asarray(self._file[f"{video_id}/points"][()], np.float32)

    def frames(self, video_id: str) -> NDArray[np.int32]:
        """Frame number (n,) of each row of points."""
        return np.asarray(self._file[f"{video_id}/frames"][()], np.int32)

    def faces(self, video_id: str) -> NDArray[np.int32]:
        """Face number (n,) within its frame of each row of points; 0 is the largest."""
        return np.asarray(self._file[f"{video_id}/faces"][()], np.int32)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> LandmarkStore:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
