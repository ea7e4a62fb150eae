"""The frames stage: pairs get the same frames, failures become rows, outputs depend only on their input."""

from __future__ import annotations

import csv
import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from laanet_core.datasets.index import IndexRow
from laanet_core.errors import LaanetError
from laanet_core.media.frames import extract_frames
from laanet_core.media.storage.shards import Shard, crop_members
from laanet_core.params import FramesParams
from laanet_core.store.digests import file_digest, folder_digest
from laanet_core.store.work_dir import WorkDir
from tests.helpers.videos import moving_pictures, write_video

PARAMS = FramesParams(count={"train": 8, "val": 4, "test": 4}, minimum=2)


def row(root: Path, video_id: str, split: str = "test", source: str = "") -> IndexRow:
    path = root / f"{video_id}.mp4"
    return IndexRow(video_id, path.name, int(bool(source)), "x", "", split, source, video_id, path.stat().st_size, file_digest(path))


def run(rows: list[IndexRow], root: Path, out: Path, work: Path, workers: int = 1) -> tuple[str, dict[str, dict[str, str]]]:
    with ThreadPoolExecutor(workers) as executor:
        summary = extract_frames(rows, root, out, PARAMS, WorkDir("frames", work), executor)
    with (out / "videos.csv").open(newline="") as file:
        return summary, {line["video_id"]: line for line in csv.DictReader(file)}


def frames_of(out: Path, video_id: str) -> list[int]:
    with Shard(out / f"{video_id}.tar") as shard:
        return [frame for _, frame, _ in crop_members(shard)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    folder.mkdir()
    write_video(folder / "source.mp4", moving_pictures(40))
    write_video(folder / "same.mp4", moving_pictures(40, seed=1))
    write_video(folder / "shorter.mp4", moving_pictures(30, seed=2))
    write_video(folder / "one.mp4", moving_pictures(1))
    (folder / "empty.mp4").touch()
    (folder / "letter.mp4").write_text("Dear Sir or Madam\n")
    return folder


def test_a_fake_takes_the_frames_of_its_source(tmp_path: Path, root: Path) -> None:
    rows = [row(root, "source", "val"), row(root, "same", "val", "source"), row(root, "shorter", "val", "source")]
    run(rows, root, tmp_path / "out", tmp_path / "work")
    assert frames_of(tmp_path / "out", "source") == frames_of(tmp_path / "out", "same") == [0, 13, 26, 39]
    assert frames_of(tmp_path / "out", "shorter") == [0, 13, 26]


def test_a_split_has_its_own_count(tmp_path: Path, root: Path) -> None:
    run([row(root, "source", "train")], root, tmp_path / "out", tmp_path / "work")
    assert len(frames_of(tmp_path / "out", "source")) == 8


def test_a_video_that_cannot_be_sampled_is_a_row_with_a_reason_and_counted(tmp_path: Path, root: Path) -> None:
    rows = [row(root, name) for name in ("source", "one", "empty", "letter")]
    summary, videos = run(rows, root, tmp_path / "out", tmp_path / "work")
    assert {name: video["status"] for name, video in videos.items()} == {
        "source": "ok", "one": "too_few_frames", "empty": "unreadable", "letter": "unreadable",
    }  # fmt: skip
    assert "frames.minimum" in videos["one"]["reason"]
    assert "empty" in videos["empty"]["reason"]
    assert summary == "frames: 4 videos, 1 ok, 2 unreadable, 1 too_few_frames"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["made.json", "source.tar", "videos.csv"]


def test_a_fake_with_an_unreadable_source_is_sampled_by_its_own_length(tmp_path: Path, root: Path) -> None:
    _, videos = run([row(root, "empty"), row(root, "same", "test", "empty")], root, tmp_path / "out", tmp_path / "work")
    assert videos["same"]["status"] == "ok"
    assert frames_of(tmp_path / "out", "same") == [0, 13, 26, 39]


def test_a_video_that_differs_from_the_index_ends_the_run(tmp_path: Path, root: Path) -> None:
    (root / "many").mkdir()
    for number, picture in enumerate(moving_pictures(3)):
        cv2.imwrite(str(root / f"many/{number}.png"), picture)
    size = sum(path.stat().st_size for path in (root / "many").iterdir())
    pictures = IndexRow("many", "many", 0, "real", "", "test", "", "many", size, folder_digest(root / "many"))
    run([pictures], root, tmp_path / "out", tmp_path / "work")
    (root / "many/1.png").unlink()
    missing = row(root, "source")
    (root / "source.mp4").unlink()
    for video in (replace(pictures, digest="other"), missing):
        with pytest.raises(LaanetError, match="its size differs from the index; check that its folder is mounted, then run again"):
            run([video], root, tmp_path / "out", tmp_path / "work")


def test_a_fake_that_ends_before_its_source_has_the_number_of_missing_frames_as_its_reason(tmp_path: Path, root: Path) -> None:
    _, videos = run([row(root, "source"), row(root, "shorter", source="source")], root, tmp_path / "out", tmp_path / "work")
    assert (videos["shorter"]["status"], videos["shorter"]["reason"]) == ("ok", "1 of 4 frames sampled from its source are beyond its end")


def test_outputs_do_not_depend_on_workers_or_order(tmp_path: Path, root: Path) -> None:
    rows = [row(root, name) for name in ("source", "same", "shorter", "one", "empty")]
    run(rows, root, tmp_path / "a", tmp_path / "work_a")
    run(rows[:2], root, tmp_path / "b", tmp_path / "work_b", 2)
    run(rows, root, tmp_path / "b", tmp_path / "work_b", 4)
    digests = [
        {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
        for folder in (tmp_path / "a", tmp_path / "b")
    ]
    assert digests[0] == digests[1]


def test_a_video_removed_from_the_index_is_removed_from_the_output(tmp_path: Path, root: Path) -> None:
    rows = [row(root, "source"), row(root, "same")]
    run(rows, root, tmp_path / "out", tmp_path / "work")
    run(rows[:1], root, tmp_path / "out", tmp_path / "work")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["made.json", "source.tar", "videos.csv"]
