"""The quality stage: Mask-SSIM of each fake of a data set against its source, frame by frame, and its tables."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from laanet_core.datasets.index import IndexRow, read_index
from laanet_core.media.faces.crops import CROP_COLUMNS, crop
from laanet_core.media.faces.landmarks import LandmarkStore
from laanet_core.media.storage.shards import Shard, read_rgb
from laanet_core.params import QualityParams
from laanet_core.quality.bins import bin_label, choose_edges, write_edges
from laanet_core.quality.mask_ssim import head_mask, mask_ssim
from laanet_core.status import Status, summarise
from laanet_core.store.account import Account, flatten, input_digest, write_account
from laanet_core.store.code import code_key
from laanet_core.store.csv_io import read_table, write_table
from laanet_core.store.items import run_items
from laanet_core.store.outputs import output_path
from laanet_core.store.work_dir import WorkDir, item_key
from laanet_core.store.writing import write_json
from laanet_core.types import Points

COLUMNS = ["video_id", "source_id", "method", "n_frames", "mask_ssim", "bin", "status", "reason"]
FRAME_COLUMNS = ["video_id", "frame", "mask_ssim"]
DECIMALS = 6


class Pair(NamedTuple):
    """Input of a worker: one fake and its source.

    fake_shard: frames of the fake; source_shard: crops of the source; digests: of the contents of both; frames: numbers of the frames to
    compare; boxes: (n, 4), crop boxes of the source in frame pixels; points: (n, 68, 2), landmarks of the source in crop pixels; size:
    side of a crop in pixels; forehead: see `head_mask`.
    """

    fake_id: str
    source_id: str
    fake_shard: str
    source_shard: str
    digests: tuple[str, str]
    frames: list[int]
    boxes: NDArray[np.float64]
    points: Points
    size: int
    forehead: float


class Failure(NamedTuple):
    """Why a fake has no Mask-SSIM."""

    status: str
    reason: str


@dataclass(frozen=True)
class QualityFiles:
    """Outputs of the earlier stages for one data set.

    index: CSV; frames, crops: folders of tars with videos.csv; landmarks: HDF5 file, with a CSV of the same name next to it.
    """

    index: Path
    frames: Path
    crops: Path
    landmarks: Path


@dataclass(frozen=True)
class QualityTables:
    """Files to write: CSVs with one row per fake, per frame and per bin; JSON with their account."""

    videos: Path
    frames: Path
    bins: Path
    account: Path

    @classmethod
    def of(cls, folder: Path, name: str) -> QualityTables:
        """Files of the data set `name` in a folder."""
        return cls(folder / f"{name}.csv", folder / f"{name}_frames.csv", folder / f"{name}_bins.csv", folder / f"{name}.json")


def score_quality(files: QualityFiles, out: QualityTables, params: QualityParams, size: int, work: WorkDir, executor: Executor) -> str:
    """Write the Mask-SSIM of every fake of a data set, per video and per frame, and its bins; returns the summary line.

    size: side of a crop in pixels. A fake that cannot be compared gets a row with a status and a reason. Only face 0, the largest, is
    compared.
    """
    with LandmarkStore(files.landmarks) as store:
        inputs = _Inputs(files, store)
        fakes = [row for row in inputs.index.values() if row.label == 1]
        prepared = {row.video_id: inputs.pair(row, params.forehead, size) for row in fakes}
    pairs = {name: pair for name, pair in prepared.items() if isinstance(pair, Pair)}
    keys = {name: _pair_key(pair) for name, pair in pairs.items()}
    items = run_items(work, keys, compare_pair, pairs, executor, "quality", give_up_pair)
    scores = {name: json.loads(path.read_text()) for name, path in items.items()}
    for name in [name for name, values in scores.items() if "reason" in values]:
        prepared[name] = Failure(Status.UNREADABLE, scores.pop(name)["reason"])
    means = {name: round(float(np.mean(list(values.values()))), DECIMALS) for name, values in scores.items() if values}
    edges = choose_edges(list(means.values()), params)
    table = [_video_row(row, prepared[row.video_id], len(scores.get(row.video_id, {})), means.get(row.video_id), edges) for row in fakes]
    write_table(out.videos, COLUMNS, table)
    write_table(out.frames, FRAME_COLUMNS, _frame_rows(scores))
    write_edges(out.bins, edges, list(means.values()))
    write_account(out.account, _account(files, params, size))
    return summarise("quality", table)


def compare_pair(pair: Pair, path: Path) -> None:
    """Write the Mask-SSIM of each frame of a pair as JSON {frame: value}; frames whose head is outside the crop are left out."""
    values = {}
    with Shard(Path(pair.fake_shard), pair.digests[0]) as fakes, Shard(Path(pair.source_shard), pair.digests[1]) as sources:
        for frame, box, points in zip(pair.frames, pair.boxes, pair.points, strict=True):
            mask = head_mask(points, (pair.size, pair.size), pair.forehead)
            if not mask.any():
                continue
            fake = crop(read_rgb(fakes, f"{pair.fake_id}/{frame:06d}.png"), tuple(box), pair.size)
            real = read_rgb(sources, f"{pair.source_id}/{frame:06d}.png")
            values[frame] = round(mask_ssim(fake, real, mask), DECIMALS)
    write_json(path, values)


def give_up_pair(pair: Pair, path: Path, reason: str) -> None:
    """Write the item of a pair on which the worker failed: the reason."""
    write_json(path, {"reason": reason})


class _Inputs:
    """Tables of the earlier stages for one data set, from which pairs are prepared."""

    def __init__(self, files: QualityFiles, store: LandmarkStore) -> None:
        self.files, self.store = files, store
        self.index = {row.video_id: row for row in sorted(read_index(files.index), key=lambda row: row.video_id)}
        self.frames = _by_video(files.frames / "videos.csv", ["status", "reason", "width", "height", "digest"])
        self.crops = _by_video(files.crops / "videos.csv", ["status", "reason", "digest"])
        self.landmarks = _by_video(files.landmarks.with_suffix(".csv"), ["status", "reason"])
        self.boxes = _largest_face_boxes(files.crops / "faces.csv")

    def pair(self, row: IndexRow, forehead: float, size: int) -> Pair | Failure:
        """The fake and its source, ready to compare, or the reason why they cannot be compared."""
        failure = self._failure(row)
        if failure:
            return failure
        source = row.source_id
        points = self._points(source)
        fake_shard = output_path(self.files.frames, row.video_id, ".tar")
        with Shard(fake_shard) as shard:
            names = set(shard.names())
        common = sorted(frame for frame in points if f"{row.video_id}/{frame:06d}.png" in names and frame in self.boxes.get(source, {}))
        if not common:
            return Failure(Status.NO_SOURCE, f"no frame in common with the landmarks of source {source}")
        boxes = np.array([self.boxes[source][frame] for frame in common])
        source_shard = output_path(self.files.crops, source, ".tar")
        stacked = np.stack([points[frame] for frame in common])
        paths = (str(fake_shard.absolute()), str(source_shard.absolute()))
        digests = (self.frames[row.video_id]["digest"], self.crops[source]["digest"])
        return Pair(row.video_id, source, *paths, digests, common, boxes, stacked, size, forehead)

    def _failure(self, row: IndexRow) -> Failure | None:
        """The first reason in the earlier stages' tables that prevents a comparison, or None."""
        own = self.crops[row.video_id]
        if own["status"] != Status.OK:
            return Failure(own["status"], own["reason"])
        if not row.source_id:
            return Failure(Status.NO_SOURCE, "the index has no source video for it")
        if row.source_id not in self.index:
            return Failure(Status.NO_SOURCE, f"source {row.source_id} is not in the index")
        for table in (self.frames, self.crops, self.landmarks):
            source = table[row.source_id]
            if source["status"] != Status.OK:
                return Failure(Status.NO_SOURCE, f"source {row.source_id} is {source['status']}: {source['reason']}")
        sizes = [f"{video['width']}x{video['height']}" for video in (self.frames[row.video_id], self.frames[row.source_id])]
        if sizes[0] != sizes[1]:
            return Failure(Status.NO_SOURCE, f"its size {sizes[0]} differs from {sizes[1]} of source {row.source_id}")
        return None

    def _points(self, video_id: str) -> dict[int, Points]:
        """Frame number -> landmarks (68, 2) of the largest face."""
        stored = zip(self.store.frames(video_id), self.store.faces(video_id), self.store.points(video_id), strict=True)
        return {int(frame): points for frame, face, points in stored if face == 0}


def _account(files: QualityFiles, params: QualityParams, size: int) -> Account:
    """Account of the tables: parameters, inputs and code."""
    settings = flatten({"quality": params.model_dump(mode="json"), "crops": {"size": size}})
    inputs = {"index": files.index, "frames": files.frames, "crops": files.crops, "landmarks": files.landmarks}
    return Account(settings, {f"{role}/{path.name}": input_digest(path) for role, path in inputs.items()}, code_key(compare_pair))


def _by_video(path: Path, columns: list[str]) -> dict[str, dict[str, str]]:
    return {row["video_id"]: row for row in read_table(path, ["video_id", *columns])}


def _largest_face_boxes(path: Path) -> dict[str, dict[int, list[float]]]:
    """Video -> frame -> crop box (x0, y0, x1, y1) of face 0 in frame pixels."""
    boxes: dict[str, dict[int, list[float]]] = {}
    for row in read_table(path, ["video_id", "frame", "face", *CROP_COLUMNS]):
        if row["face"] == "0":
            boxes.setdefault(row["video_id"], {})[int(row["frame"])] = [float(row[corner]) for corner in CROP_COLUMNS]
    return boxes


def _pair_key(pair: Pair) -> str:
    """Key of everything that determines the item of a pair, which excludes the bins."""
    geometry = hashlib.sha256(pair.boxes.tobytes() + pair.points.tobytes()).hexdigest()
    return item_key(
        shards=pair.digests, frames=pair.frames, geometry=geometry, size=pair.size, forehead=pair.forehead, code=code_key(compare_pair)
    )


def _video_row(row: IndexRow, prepared: Pair | Failure, n_frames: int, value: float | None, edges: Sequence[float]) -> dict[str, Any]:
    """The row of a fake in the table of videos: its mean over frames and its bin, or the failure."""
    failure = prepared if isinstance(prepared, Failure) else Failure(Status.OK, "")
    if failure.status == Status.OK and value is None:
        failure = Failure(Status.NO_LANDMARKS, f"the head of source {row.source_id} is outside its crops")
    label = bin_label(value, edges) if value is not None else ""
    reason = failure.reason if label or value is None else "Mask-SSIM is outside quality.bins"
    return {
        "video_id": row.video_id, "source_id": row.source_id, "method": row.method, "n_frames": n_frames,
        "mask_ssim": value, "bin": label, "status": str(failure.status), "reason": reason,
    }  # fmt: skip


def _frame_rows(scores: Mapping[str, Mapping[str, float]]) -> Iterator[dict[str, Any]]:
    for video_id, values in scores.items():
        for frame, value in values.items():
            yield {"video_id": video_id, "frame": int(frame), "mask_ssim": value}
