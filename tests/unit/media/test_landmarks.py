"""Landmarks: on the features of the face, in crop pixels, in a file of reproducible bytes; failures are rows."""

from __future__ import annotations

import csv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from skimage.data import astronaut

from laanet_core.errors import LaanetError
from laanet_core.media.faces.crops import FACE_COLUMNS, VIDEO_COLUMNS, crop, crop_box
from laanet_core.media.faces.landmarks import LandmarkStore, cache_landmarks, is_face
from laanet_core.media.faces.shape_predictor import dlib_box, predict_landmarks
from laanet_core.media.storage.shards import Note, encode_png, write_shard
from laanet_core.store.account import Account
from laanet_core.store.csv_io import write_table
from laanet_core.store.work_dir import WorkDir
from tests.helpers.shards import content_digest

PICTURE = np.ascontiguousarray(astronaut())
BOX = (178.0, 57.0, 273.0, 177.0)
SIZE = 160
MARKED = {"eyes": [(204, 101), (246.5, 103)], "nose": (225, 126), "mouth": [(205, 140.5), (244, 141)], "chin": (224.5, 179)}
"""Features of PICTURE's face, marked by hand on an enlargement."""


def test_the_68_points_are_on_the_features_marked_by_hand(assets: Path) -> None:
    points = predict_landmarks(PICTURE, BOX, assets)
    assert points.shape == (68, 2)
    assert points.dtype == np.float32
    features = [points[36:42].mean(0), points[42:48].mean(0), points[30], points[48], points[54], points[8]]
    marked = [*MARKED["eyes"], MARKED["nose"], *MARKED["mouth"], MARKED["chin"]]
    assert np.linalg.norm(np.subtract(features, marked), axis=1).max() < 6
    assert points[0, 0] < points[36, 0] < points[45, 0] < points[16, 0]


def test_the_box_given_to_dlib_is_a_lower_square_of_the_same_area() -> None:
    assert dlib_box((0, 0, 80, 125)) == (-10, 19, 90, 119)


def test_points_far_outside_or_without_area_are_rejected() -> None:
    good = np.random.default_rng(0).uniform(20, 140, (68, 2)).astype(np.float32)
    assert is_face(good, SIZE)
    outside, nowhere = good.copy(), good.copy()
    outside[3] = (SIZE * 1.6, 40)
    nowhere[3] = (np.nan, 40)
    line = np.column_stack([np.linspace(10, 150, 68)] * 2).astype(np.float32)
    for bad in (outside, nowhere, line, np.full_like(good, 80), good * 0.1):
        assert not is_face(bad, SIZE)


def face_row(video_id: str, frame: int, face_box: tuple[float, ...], number: int = 0) -> dict[str, object]:
    box = crop_box(face_box, 1.25)
    values = dict(zip(FACE_COLUMNS[3:11], [*face_box, *box], strict=True))
    return {**dict.fromkeys(FACE_COLUMNS), "video_id": video_id, "frame": frame, "face": number, **values, "status": "ok"}


def crops_folder(folder: Path) -> Path:
    """Output of the crops stage: a clip with two faces in its last frame, one with a false detection, two that failed earlier."""
    far = (500.0, 500.0, 501.0, 900.0)
    spread = {"a/clip": [(3, 0, BOX), (40, 0, BOX), (40, 1, (180.0, 60.0, 270.0, 170.0))], "b": [(1, 0, far)]}
    faces, videos = [], []
    for video_id, places in spread.items():
        path = folder / f"{video_id}.tar"
        path.parent.mkdir(parents=True, exist_ok=True)
        names = [f"{video_id}/{frame:06d}{f'.{face}' if face else ''}.png" for frame, face, _ in places]
        images = [encode_png(crop(PICTURE, crop_box(box, 1.25), SIZE)) for *_, box in places]
        write_shard(path, [*zip(names, images, strict=True), Note(video_id, {"status": "ok"}, Account())])
        faces += [face_row(video_id, frame, box, face) for frame, face, box in places]
        videos.append(
            {"video_id": video_id, "status": "ok", "reason": "", "n_frames": 2, "n_faces": len(places), "digest": content_digest(path)}
        )
    videos.append({"video_id": "c", "status": "no_face", "reason": "no face in 2 frames", "n_frames": 2, "n_faces": 0, "digest": ""})
    videos.append({"video_id": "d", "status": "unreadable", "reason": "the file is empty", "n_frames": 0, "n_faces": 0, "digest": ""})
    faces.append({**dict.fromkeys(FACE_COLUMNS), "video_id": "c", "frame": 0, "face": -1, "status": "no_face"})
    write_table(folder / "videos.csv", VIDEO_COLUMNS, videos)
    write_table(folder / "faces.csv", FACE_COLUMNS, faces)
    return folder


def run(folder: Path, crops: Path, assets: Path, workers: int = 1) -> str:
    with ThreadPoolExecutor(workers) as executor:
        return cache_landmarks(crops, folder / "x.h5", folder / "x.csv", assets, WorkDir("landmarks", folder / "work"), executor)


def test_landmarks_are_kept_by_video_frame_and_face_in_crop_pixels(tmp_path: Path, assets: Path) -> None:
    run(tmp_path, crops_folder(tmp_path / "crops"), assets)
    with LandmarkStore(tmp_path / "x.h5") as store:
        assert "a/clip" in store.video_ids()
        points = store.points("a/clip")
        assert points.shape == (3, 68, 2)
        assert points.dtype == np.float32
        assert (store.frames("a/clip").tolist(), store.faces("a/clip").tolist()) == ([3, 40, 40], [0, 0, 1])
        assert store.frames("a/clip").dtype == store.faces("a/clip").dtype == np.int32
    x0, y0, x1, _ = crop_box(BOX, 1.25)
    in_frame = points[0] * (x1 - x0) / SIZE + (x0, y0)
    eyes = [in_frame[36:42].mean(0), in_frame[42:48].mean(0)]
    assert np.linalg.norm(np.subtract(eyes, MARKED["eyes"]), axis=1).max() < 6


def test_every_video_is_a_row_and_earlier_failures_keep_their_reason(tmp_path: Path, assets: Path) -> None:
    crops = crops_folder(tmp_path / "crops")
    summary = run(tmp_path, crops, assets)
    with (tmp_path / "x.csv").open(newline="") as file:
        table = {row["video_id"]: row for row in csv.DictReader(file)}
    assert list(table) == ["a/clip", "b", "c", "d"]
    assert (table["a/clip"]["status"], table["a/clip"]["n_crops"], table["a/clip"]["n_landmarks"]) == ("ok", "3", "3")
    assert (table["b"]["status"], table["b"]["n_landmarks"]) == ("no_landmarks", "0")
    assert "1 crops" in table["b"]["reason"]
    assert (table["c"]["status"], table["c"]["reason"]) == ("no_face", "no face in 2 frames")
    assert table["d"]["reason"] == "the file is empty"
    assert summary == "landmarks: 4 videos, 1 ok, 1 unreadable, 1 no_face, 1 no_landmarks"
    with LandmarkStore(tmp_path / "x.h5") as store:
        assert store.video_ids() == ["a/clip"]


def test_the_files_bytes_do_not_depend_on_workers_time_or_earlier_runs(tmp_path: Path, assets: Path) -> None:
    crops = crops_folder(tmp_path / "crops")
    run(tmp_path / "a", crops, assets)
    run(tmp_path / "b", crops, assets, 3)
    run(tmp_path / "b", crops, assets, 2)
    for name in ("x.h5", "x.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_missing_or_damaged_files_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(LaanetError, match="not found"):
        LandmarkStore(tmp_path / "none.h5")
    (tmp_path / "text.h5").write_text("Dear Sir or Madam\n")
    with pytest.raises(LaanetError, match="not a complete HDF5 file"):
        LandmarkStore(tmp_path / "text.h5")
    with pytest.raises(LaanetError, match="not found"):
        predict_landmarks(PICTURE, BOX, tmp_path)
    predictor = tmp_path / "dlib_68_landmarks/shape_predictor_68_face_landmarks.dat"
    predictor.parent.mkdir()
    for content in (b"", b"Dear Sir or Madam\n"):
        predictor.write_bytes(content)
        with pytest.raises(LaanetError, match="not a dlib shape predictor"):
            predict_landmarks(PICTURE, BOX, tmp_path)
