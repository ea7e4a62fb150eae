"""The crops stage: square, enlarged crops of the faces in every sampled frame, one tar shard per video."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from laanet_core.media.faces.face_detectors import BATCH, FaceDetector, detector_device, load_detector
from laanet_core.media.faces.precropped import enclosing_square, find_in_crops
from laanet_core.media.faces.retinaface import FaceDetection
from laanet_core.media.storage.shards import DIGEST, Note, Shard, crop_members, encode_png, read_note, read_rgb, write_shard
from laanet_core.params import CropsParams
from laanet_core.status import Status, summarise
from laanet_core.store.account import FOLDER_ACCOUNT, Account, flatten, input_digest, write_account
from laanet_core.store.code import code_key
from laanet_core.store.csv_io import read_table, write_table
from laanet_core.store.digests import file_digest
from laanet_core.store.items import run_items
from laanet_core.store.outputs import clear_output, link_item, output_path
from laanet_core.store.work_dir import WorkDir, item_key
from laanet_core.types import Image

VIDEO_COLUMNS = ["video_id", "status", "reason", "n_frames", "n_faces", "digest"]
BOX_COLUMNS = ["face_x0", "face_y0", "face_x1", "face_y1"]
CROP_COLUMNS = ["crop_x0", "crop_y0", "crop_x1", "crop_y1"]
POINT_COLUMNS = [f"{name}_{axis}" for name in ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth") for axis in "xy"]
FACE_COLUMNS = ["video_id", "frame", "face", *BOX_COLUMNS, *CROP_COLUMNS, *POINT_COLUMNS, "score", "status"]
DECIMALS = 3
"""Boxes and points are rounded to a thousandth of a pixel."""

Box = tuple[float, float, float, float]


def crop_box(face_box: Sequence[float], enlarge: float) -> Box:
    """Square (x0, y0, x1, y1) around the centre of a face box, `enlarge` times its longer side, rounded to a thousandth of a pixel."""
    x0, y0, x1, y1 = face_box
    half = max(x1 - x0, y1 - y0) * enlarge / 2
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    left, top, right, bottom = (round(value, DECIMALS) for value in (x - half, y - half, x + half, y + half))
    return left, top, right, bottom


def crop(rgb: Image, box: Sequence[float], size: int) -> Image:
    """Cut a square box (x0, y0, x1, y1) out of an image (H, W, 3) and resize it to (size, size, 3).

    Outside the image, its reflection is used. The box is rounded to whole pixels. Enlarging is bicubic; reducing averages areas.
    """
    left, top = round(box[0]), round(box[1])
    side = max(1, round(box[2] - box[0]))
    rows = _reflect(np.arange(top, top + side), rgb.shape[0])
    columns = _reflect(np.arange(left, left + side), rgb.shape[1])
    cut = np.ascontiguousarray(rgb[rows[:, None], columns])
    interpolation = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(cut, (size, size), interpolation=interpolation), np.uint8)


def _reflect(indices: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Map any indices into [0, length) by repeated reflection at the edge pixels."""
    period = max(1, 2 * length - 2)
    folded = np.mod(indices, period)
    return np.minimum(folded, period - folded) if length > 1 else np.zeros_like(indices)


@dataclass(frozen=True)
class CropsTask:
    """Crop the faces of one video. frames: its shard of frames; digest: of the shard's content; made: the account of the result."""

    video_id: str
    frames: str
    digest: str
    params: CropsParams
    cropped: bool
    assets: str
    device: str
    made: Account


def crop_faces(
    frames: Path, out: Path, params: CropsParams, assets: Path, work: WorkDir, executor: Executor, *, cropped: bool = False
) -> str:
    """Crop the faces of all videos in a folder of frames into `out`: one tar per video, videos.csv, faces.csv; returns the summary line.

    assets: folder of the detector's weights; cropped: whether the frames are already face crops, which are then kept uncut.
    """
    videos = read_table(frames / "videos.csv", ["video_id", "status", "reason", "n_frames", "digest"])
    load_detector(params, assets)
    weights = item_key(files=[file_digest(path) for path in sorted((assets / params.detector).iterdir())])
    usable = {video["video_id"]: video for video in videos if video["status"] == Status.OK}
    code = code_key(crop_video)
    device = "cpu" if params.detector == "retinaface_mobilenet" else executor.submit(detector_device).result()
    settings = flatten({"crops": params.model_dump(mode="json")})
    tasks = {
        name: CropsTask(
            name, str(output_path(frames, name, ".tar").absolute()), video["digest"], params, cropped, str(assets.absolute()), device,
            Account(settings, {"frames": video["digest"], "detector": weights}, code),
        )
        for name, video in usable.items()
    }  # fmt: skip
    keys = {name: item_key(video=name, cropped=cropped, device=device, made=task.made.as_json()) for name, task in tasks.items()}
    items = run_items(work, keys, crop_video, tasks, executor, "crops", give_up_crops)
    clear_output(out)
    notes = {name: read_note(item) for name, item in items.items()}
    table = [_publish(video, notes.get(video["video_id"]), items, out) for video in videos]
    write_table(out / "videos.csv", VIDEO_COLUMNS, table)
    write_table(out / "faces.csv", FACE_COLUMNS, (row for video in videos for row in notes.get(video["video_id"], {}).get("faces", [])))
    inputs = {f"frames/{frames.name}": input_digest(frames), f"assets/{params.detector}": weights}
    write_account(out / FOLDER_ACCOUNT, Account(settings, inputs, code))
    return summarise("crops", table)


def crop_video(task: CropsTask, path: Path) -> None:
    """Write the shard of one video: its crops, then a note with its status and faces."""
    write_shard(path, _members(task))


def give_up_crops(task: CropsTask, path: Path, reason: str) -> None:
    """Write the shard of a video on which the worker failed: only a note with the reason."""
    facts = {"status": Status.UNREADABLE, "reason": reason, "n_frames": 0, "n_faces": 0, "faces": []}
    write_shard(path, [Note(task.video_id, facts, task.made)])


def _members(task: CropsTask) -> Iterator[tuple[str, bytes] | Note]:
    detector = _detector(task.params, Path(task.assets), task.device)
    faces: list[dict[str, Any]] = []
    n_frames = 0
    with Shard(Path(task.frames), task.digest) as shard:
        for frame, rgb, found in _detected(shard, detector, task.cropped):
            n_frames += 1
            kept = found[:1] if task.params.faces == "largest" or task.cropped else found
            for number, face in enumerate(kept):
                box = enclosing_square(rgb) if task.cropped else crop_box(face.box, task.params.enlarge)
                yield f"{task.video_id}/{_stem(frame, number)}.png", encode_png(crop(rgb, box, task.params.size))
                faces.append(_face_row(task.video_id, frame, number, face, box))
            if not kept:
                faces.append(_no_face_row(task.video_id, frame))
    yield Note(task.video_id, {**_outcome(faces, n_frames, task.params), "faces": faces}, task.made)


def _detected(shard: Shard, detector: FaceDetector, cropped: bool) -> Iterator[tuple[int, Image, list[FaceDetection]]]:
    """Yield (frame number, image, its faces) of a shard of frames; faces are detected in batches."""
    members = [(member, frame) for member, frame, _ in crop_members(shard)]
    for start in range(0, len(members), BATCH):
        batch = members[start : start + BATCH]
        images = [read_rgb(shard, member) for member, _ in batch]
        faces = find_in_crops(detector, images) if cropped else detector.detect(images)
        for (_, frame), rgb, found in zip(batch, images, faces, strict=True):
            yield frame, rgb, found


def _outcome(faces: list[dict[str, Any]], n_frames: int, params: CropsParams) -> dict[str, Any]:
    """Status, reason and counts of a video."""
    frames_with_face = {face["frame"] for face in faces if face["status"] == Status.OK}
    counts = {"n_frames": n_frames, "n_faces": sum(face["status"] == Status.OK for face in faces)}
    if not frames_with_face:
        reason = f"no face with a score of at least {params.min_score} in {n_frames} frames (crops.min_score)"
        return {"status": Status.NO_FACE, "reason": reason, **counts}
    missing = n_frames - len(frames_with_face)
    undetected = sum(math.isnan(face["score"]) for face in faces if face["status"] == Status.OK)
    reasons = [f"no face in {missing} of {n_frames} frames"] if missing else []
    if undetected:
        reasons.append(f"{undetected} of {n_frames} crops used without a detected face")
    return {"status": Status.OK, "reason": "; ".join(reasons), **counts}


def _stem(frame: int, face: int) -> str:
    return f"{frame:06d}.{face}" if face else f"{frame:06d}"


def _face_row(video_id: str, frame: int, number: int, face: FaceDetection, box: Box) -> dict[str, Any]:
    """A row of faces.csv."""
    numbers = [*face.box, *box, *face.points.ravel().tolist()]
    values = dict(zip([*BOX_COLUMNS, *CROP_COLUMNS, *POINT_COLUMNS], [round(value, DECIMALS) for value in numbers], strict=True))
    return {"video_id": video_id, "frame": frame, "face": number, **values, "score": round(face.score, 6), "status": Status.OK}


def _no_face_row(video_id: str, frame: int) -> dict[str, Any]:
    """The row of faces.csv of a frame without a face."""
    empty = dict.fromkeys([*BOX_COLUMNS, *CROP_COLUMNS, *POINT_COLUMNS, "score"])
    return {"video_id": video_id, "frame": frame, "face": -1, **empty, "status": Status.NO_FACE}


def _publish(video: dict[str, str], note: dict[str, Any] | None, items: dict[str, Path], out: Path) -> dict[str, Any]:
    """Link the crops of a video into the output; returns its row of videos.csv. A video without frames keeps its status."""
    name = video["video_id"]
    if note is None:
        return {"video_id": name, "status": video["status"], "reason": video["reason"], "n_frames": 0, "n_faces": 0, "digest": ""}
    usable = note["status"] == Status.OK
    if usable:
        link_item(items[name], output_path(out, name, ".tar"))
    return {**note, "video_id": name, "digest": note[DIGEST] if usable else ""}


@lru_cache(maxsize=1)
def _detector(params: CropsParams, assets: Path, device: str) -> FaceDetector:
    """The detector, loaded once per process."""
    return load_detector(params, assets, device)
