"""Faces: decoding of RetinaFace outputs, detection, crops, and a row for frames and videos without a face."""

from __future__ import annotations

import csv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from skimage.data import astronaut
from torchvision.ops import nms  # type: ignore[import-untyped]

from laanet_core.errors import LaanetError
from laanet_core.media.faces import retinaface as retinaface_boxes
from laanet_core.media.faces.crops import crop, crop_box, crop_faces
from laanet_core.media.faces.face_detectors import load_detector
from laanet_core.media.faces.retinaface import decode_faces, overlaps, priors, suppress
from laanet_core.media.storage.shards import Note, Shard, crop_members, encode_png, read_rgb, write_shard
from laanet_core.params import CropsParams
from laanet_core.store.account import Account
from laanet_core.store.csv_io import write_table
from laanet_core.store.work_dir import WorkDir
from tests.helpers.shards import content_digest

PARAMS = CropsParams(detector="retinaface_mobilenet", enlarge=1.25, size=96, faces="largest", min_score=0.8, max_side=640)
PICTURE = np.ascontiguousarray(astronaut()[:320, 40:360])
FIVE = np.array([(164, 101), (206.5, 103), (185, 126), (165, 140.5), (204, 141)])
"""Eyes, nose and corners of the mouth in PICTURE, marked by hand on an enlargement."""
NOISE = np.random.default_rng(0).integers(0, 256, (160, 200, 3), dtype=np.uint8)


def two_faces() -> np.ndarray:
    """PICTURE with a smaller copy of itself to its left."""
    smaller = np.zeros((320, 160, 3), np.uint8)
    smaller[:160] = cv2.resize(PICTURE, (160, 160), interpolation=cv2.INTER_AREA)
    return np.hstack([smaller, PICTURE])


def test_priors_are_ordered_by_level_row_and_column_with_two_sides_per_cell() -> None:
    anchors = priors(64, 96)
    assert anchors.shape == (2 * (8 * 12 + 4 * 6 + 2 * 3), 3)
    assert anchors[:3].tolist() == [[4, 4, 16], [4, 4, 32], [12, 4, 16]]
    assert anchors[2 * 12].tolist() == [4, 12, 16]
    assert anchors[2 * 8 * 12].tolist() == [8, 8, 64]
    assert anchors[-1].tolist() == [80, 48, 512]


def test_outputs_decode_to_boxes_and_points_by_the_variances() -> None:
    anchors = np.array([[100.0, 50.0, 32.0], [300.0, 200.0, 64.0], [300.0, 200.0, 64.0]])
    boxes = np.array([[0.0, 0, 0, 0], [1, -1, np.log(2) / 0.2, 0], [0, 0, 0, 0]])
    points = np.zeros((3, 10))
    points[1, :2] = 5, -5
    faces = decode_faces(boxes, np.array([0.9, 0.95, 0.1]), points, anchors, 0.5)
    assert [face.score for face in faces] == [0.95, 0.9]
    assert np.allclose(faces[0].box, (300 + 6.4 - 64, 200 - 6.4 - 32, 300 + 6.4 + 64, 200 - 6.4 + 32))
    assert np.allclose(faces[0].points[:2], [(332, 168), (300, 200)])
    assert np.allclose(faces[1].box, (84, 34, 116, 66))


def test_suppression_keeps_the_boxes_that_torchvision_keeps() -> None:
    r = np.random.default_rng(3)
    corner, side = r.uniform(0, 100, (200, 2)), r.uniform(10, 60, (200, 2))
    boxes, scores = np.hstack([corner, corner + side]), np.sort(r.uniform(size=200))[::-1].copy()
    assert suppress(boxes) == nms(torch.from_numpy(boxes), torch.from_numpy(scores), 0.4).tolist()
    assert suppress(np.empty((0, 4))) == []


def test_a_face_is_the_mean_of_its_candidates_weighted_by_score() -> None:
    anchors = np.array([[50.0, 50.0, 32.0], [54.0, 50.0, 32.0], [54.0, 50.0, 32.0], [90.0, 50.0, 32.0]])
    none, points = np.zeros((4, 4)), np.zeros((4, 10))
    other, face = sorted(decode_faces(none, np.array([0.9, 0.6, 0.3, 0.8]), points, anchors, 0.5), key=lambda face: face.score)
    assert np.allclose(face.box, (51.6 - 16, 34, 51.6 + 16, 66))
    assert np.allclose(face.points, (51.6, 50))
    assert face.score == 0.9
    assert np.allclose(other.box, (74, 34, 106, 66))


def test_overlap_is_1_with_the_same_box_and_0_with_a_box_without_area() -> None:
    box = np.array([0.0, 0, 4, 4])
    assert overlaps(box, np.array([[0.0, 0, 4, 4], [2, 0, 6, 4], [4, 0, 8, 4], [3, 3, 3, 3], [3, 3, 1, 1]])).tolist() == [1, 1 / 3, 0, 0, 0]
    assert overlaps(np.zeros(4), np.zeros((1, 4))).tolist() == [0]


def test_the_five_points_are_where_a_person_marks_them(assets: Path) -> None:
    (face,) = load_detector(PARAMS, assets).detect([PICTURE])[0]
    assert np.linalg.norm(face.points - FIVE, axis=1).max() < 6
    x0, y0, x1, y1 = face.box
    assert x0 < FIVE[:, 0].min()
    assert x1 > FIVE[:, 0].max()
    assert y0 < FIVE[:, 1].min()
    assert y1 > FIVE[:, 1].max()
    assert face.score > 0.99


def test_detections_in_a_batch_of_mixed_sizes_equal_those_of_single_images(assets: Path) -> None:
    detector = load_detector(PARAMS, assets)
    images = [PICTURE, NOISE, PICTURE[:, ::-1].copy(), PICTURE[:-37, :-51].copy(), PICTURE]
    together = detector.detect(images)
    assert [len(faces) for faces in together] == [1, 0, 1, 1, 1]
    for image, faces in zip(images, together, strict=True):
        for one, other in zip(detector.detect([image])[0], faces, strict=True):
            assert one.box == other.box
            assert one.score == other.score
            assert np.array_equal(one.points, other.points)


def test_faces_of_a_large_image_are_detected_at_reduced_size_and_returned_in_its_own_pixels(assets: Path) -> None:
    large = cv2.resize(PICTURE, (1280, 1280), interpolation=cv2.INTER_CUBIC)
    (face,) = load_detector(PARAMS.model_copy(update={"max_side": 320}), assets).detect([large])[0]
    assert np.linalg.norm(face.points / 4 - FIVE, axis=1).max() < 6


def test_faces_are_sorted_largest_first(assets: Path) -> None:
    first, second = load_detector(PARAMS, assets).detect([two_faces()])[0]
    assert first.area > 3 * second.area
    assert first.box[0] > 160 > second.box[2]


def test_the_resnet_agrees_with_its_own_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from retinaface.predict_single import Model

    monkeypatch.setattr(retinaface_boxes, "VOTE_OVERLAP", 1.0)  # the library uses the best candidate without voting
    torch.manual_seed(0)
    library = Model(max_size=160)
    with torch.no_grad():
        for head in library.model.BboxHead:
            head.conv1x1.weight *= 0.1
    library.eval()
    (tmp_path / "retinaface_resnet50").mkdir()
    torch.save(library.model.state_dict(), tmp_path / "retinaface_resnet50" / "retinaface_resnet50.pth")
    image = np.ascontiguousarray(PICTURE[60:220, 100:260])
    scores = [face["score"] for face in library.predict_jsons(image, confidence_threshold=0.0)]
    min_score = float(np.median(scores))
    expected = {tuple(face["bbox"]) for face in library.predict_jsons(image, confidence_threshold=min_score)}
    params = PARAMS.model_copy(update={"detector": "retinaface_resnet50", "min_score": min_score})
    found = load_detector(params, tmp_path).detect([image])[0]
    ours = np.array([face.box for face in found])
    assert len(expected) > 5
    near = [np.abs(ours - box).max(axis=1).min() < 1.01 for box in expected]
    assert np.mean(near) > 0.9
    assert abs(len(found) - len(expected)) <= 0.1 * len(expected)


@pytest.mark.parametrize("name", ["retinaface_mobilenet.onnx", "retinaface_resnet50.pth"])
def test_missing_or_damaged_weights_are_one_sentence(tmp_path: Path, name: str) -> None:
    path = tmp_path / Path(name).stem / name
    params = PARAMS.model_copy(update={"detector": path.stem})
    with pytest.raises(LaanetError, match=f"{name}: not found"):
        load_detector(params, tmp_path)
    path.parent.mkdir()
    for content in (b"", b"Dear Sir or Madam\n" * 50):
        path.write_bytes(content)
        with pytest.raises(LaanetError, match=name):
            load_detector(params, tmp_path)


def test_a_crop_is_a_square_around_the_face_centre() -> None:
    assert crop_box((100, 50, 140, 130), 1.25) == (70, 40, 170, 140)
    assert crop_box((-20, 0, 20, 20), 1.5) == (-30, -20, 30, 40)


def test_a_crop_beyond_the_image_is_filled_by_reflection() -> None:
    image = np.random.default_rng(1).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    padded = np.pad(image, ((25, 25), (25, 25), (0, 0)), mode="reflect")
    assert np.array_equal(crop(image, (-20, -10, 44, 54), 64), padded[15:79, 5:69])
    assert np.array_equal(crop(image, (4, 6, 20, 22), 16), image[6:22, 4:20])
    assert crop(image, (500, -900, 520, -880), 64).shape == (64, 64, 3)


def test_a_reduced_crop_averages_and_an_enlarged_one_keeps_flat_colour() -> None:
    board = np.indices((64, 64)).sum(axis=0) % 2 * 200
    image = np.repeat(board[..., None], 3, axis=2).astype(np.uint8)
    assert np.unique(crop(image, (0, 0, 64, 64), 32)).tolist() == [100]
    assert np.unique(crop(np.full((20, 20, 3), 77, np.uint8), (2, 2, 10, 10), 64)).tolist() == [77]


def frames_folder(folder: Path) -> Path:
    """Write the output of the frames stage: a clip with faces in two of three frames, one without, one with two faces, and a failed one."""
    pictures = {
        "face": {0: PICTURE, 7: NOISE, 12: np.roll(PICTURE, 9, axis=1)},
        "noise": {0: NOISE, 3: NOISE[::-1]},
        "deep/two": {5: two_faces()},
    }
    rows = []
    for video_id, images in pictures.items():
        path = folder / f"{video_id}.tar"
        path.parent.mkdir(parents=True, exist_ok=True)
        members = [(f"{video_id}/{number:06d}.png", encode_png(image)) for number, image in images.items()]
        write_shard(path, [*members, Note(video_id, {"status": "ok"}, Account())])
        digest = content_digest(path)
        rows.append({"video_id": video_id, "status": "ok", "reason": "", "n_frames": len(images), "digest": digest})
    rows.append({"video_id": "broken", "status": "unreadable", "reason": "the file is empty", "n_frames": 0, "digest": ""})
    write_table(folder / "videos.csv", list(rows[0]), rows)
    return folder


def run(folder: Path, params: CropsParams, assets: Path, frames: Path, workers: int = 1) -> str:
    with ThreadPoolExecutor(workers) as executor:
        return crop_faces(frames, folder / "out", params, assets, WorkDir("crops", folder / "work"), executor)


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_video_and_frame_is_a_row_with_its_status(tmp_path: Path, assets: Path) -> None:
    summary = run(tmp_path, PARAMS, assets, frames_folder(tmp_path / "frames"))
    assert summary == "crops: 4 videos, 2 ok, 1 unreadable, 1 no_face"
    videos = {row["video_id"]: row for row in table(tmp_path / "out/videos.csv")}
    assert [(row["status"], row["n_frames"], row["n_faces"]) for row in videos.values()] == [
        ("ok", "3", "2"), ("no_face", "2", "0"), ("ok", "1", "1"), ("unreadable", "0", "0"),
    ]  # fmt: skip
    assert videos["face"]["reason"] == "no face in 1 of 3 frames"
    assert "crops.min_score" in videos["noise"]["reason"]
    assert videos["broken"]["reason"] == "the file is empty"
    faces = table(tmp_path / "out/faces.csv")
    assert [(row["video_id"], row["frame"], row["face"], row["status"]) for row in faces] == [
        ("face", "0", "0", "ok"), ("face", "7", "-1", "no_face"), ("face", "12", "0", "ok"),
        ("noise", "0", "-1", "no_face"), ("noise", "3", "-1", "no_face"), ("deep/two", "5", "0", "ok"),
    ]  # fmt: skip
    assert faces[1]["face_x0"] == faces[1]["score"] == ""
    assert float(faces[2]["nose_x"]) - float(faces[0]["nose_x"]) == pytest.approx(9, abs=2)
    assert sorted(path.name for path in (tmp_path / "out").rglob("*.tar")) == ["face.tar", "two.tar"]


def test_a_crop_in_the_shard_is_its_box_of_the_frame(tmp_path: Path, assets: Path) -> None:
    run(tmp_path, PARAMS, assets, frames_folder(tmp_path / "frames"))
    row = table(tmp_path / "out/faces.csv")[0]
    box = [float(row[f"crop_{side}"]) for side in ("x0", "y0", "x1", "y1")]
    face = [float(row[f"face_{side}"]) for side in ("x0", "y0", "x1", "y1")]
    assert box[2] - box[0] == pytest.approx(1.25 * max(face[2] - face[0], face[3] - face[1]), abs=0.01)
    with Shard(tmp_path / "out/face.tar") as shard:
        assert np.array_equal(read_rgb(shard, "face/000000.png"), crop(PICTURE, box, 96))


def test_all_faces_are_kept_if_requested(tmp_path: Path, assets: Path) -> None:
    run(tmp_path, PARAMS.model_copy(update={"faces": "all"}), assets, frames_folder(tmp_path / "frames"))
    with Shard(tmp_path / "out/deep/two.tar") as shard:
        assert crop_members(shard) == [("deep/two/000005.png", 5, 0), ("deep/two/000005.1.png", 5, 1)]


def test_crops_do_not_depend_on_workers_or_earlier_runs(tmp_path: Path, assets: Path) -> None:
    frames = frames_folder(tmp_path / "frames")
    run(tmp_path / "a", PARAMS, assets, frames)
    run(tmp_path / "b", PARAMS, assets, frames, 3)
    run(tmp_path / "b", PARAMS, assets, frames, 2)
    one, other = (
        {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*.*"))}
        for folder in (tmp_path / "a/out", tmp_path / "b/out")
    )
    assert len(one) == 5
    assert one == other
