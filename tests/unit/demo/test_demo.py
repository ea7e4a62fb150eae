"""The demo's splits share no persons, and its clips are bit-identical on every build."""

from __future__ import annotations

import csv
import itertools
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from laanet_core.assets.pinned import MEDIA
from laanet_core.demo.build import build_demo
from laanet_core.demo.cast import CLIPS, FAKES, Clip
from laanet_core.demo.clips import clip_frames, write_video
from laanet_core.params import DemoParams

pytestmark = pytest.mark.slow

BY_NAME = {clip.name: clip for clip in CLIPS}


def test_no_person_is_in_two_splits() -> None:
    splits: dict[str, set[str]] = {}
    for clip in CLIPS:
        splits.setdefault(clip.person or clip.name, set()).add(clip.split)
    assert all(len(found) == 1 for found in splits.values())
    assert {clip.split for clip in CLIPS} == {"train", "val", "test"}


def test_no_media_is_in_two_splits() -> None:
    assert all(len({clip.split for clip in CLIPS if clip.media == media.name}) == 1 for media in MEDIA)


def test_fakes_are_of_test_persons_and_never_of_the_target_itself() -> None:
    for fake in FAKES:
        target, donor = BY_NAME[fake.target], BY_NAME[fake.donor]
        assert (target.split, donor.split) == ("test", "test")
        assert donor.person
        assert donor.person != target.person


def test_every_test_clip_full_of_a_face_has_two_fakes_by_different_donors() -> None:
    full = [clip.name for clip in CLIPS if clip.split == "test" and clip.person and clip.middle is None]
    assert len(full) >= 6
    for name in full:
        donors = {BY_NAME[fake.donor].person for fake in FAKES if fake.target == name}
        assert len(donors) == 2
    assert set(Counter(fake.method for fake in FAKES)) == {"feather", "poisson"}


@pytest.mark.parametrize("size", [(640, 360), (480, 360), (360, 270), (288, 288)])
def test_the_same_frames_give_the_same_bytes(size: tuple[int, int], tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    noise = cv2.GaussianBlur(generator.integers(0, 256, (size[1], size[0] + 50, 3), np.uint8), (0, 0), 2)
    frames = [np.ascontiguousarray(noise[:, 2 * number : 2 * number + size[0]]) for number in range(25)]
    found = set()
    for length in generator.integers(1_000, 500_000, 5).tolist():
        used = np.full(length, 77, np.uint8)
        write_video(frames, tmp_path / "clip.mp4", 18)
        found.add((tmp_path / "clip.mp4").read_bytes())
        del used
    assert len(found) == 1
    with av.open(str(tmp_path / "clip.mp4")) as container:
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert [frame.shape for frame in decoded] == [(size[1], size[0], 3)] * 25


@pytest.fixture
def numbered(tmp_path: Path) -> Path:
    """A video whose every frame is a grey of twice its number."""
    write_video([np.full((64, 64, 3), 2 * number, np.uint8) for number in range(60)], tmp_path / "numbered.mp4", 0)
    return tmp_path / "numbered.mp4"


@pytest.mark.parametrize(
    ("start", "middle", "expected"), [(10, None, [10, 12, 14, 16]), (None, 20, [16, 18, 20, 22]), (56, None, [56, 58])]
)
def test_a_clip_takes_every_second_frame(start: int | None, middle: int | None, expected: list[int], numbered: Path) -> None:
    clip = Clip("c", "train", "", "", (64, 64), (32, 32, 64), start, middle)
    frames = clip_frames(clip, numbered, 0.32, seed=1)
    assert [round(float(frame.mean()) / 2) for frame in frames] == expected


def test_a_still_picture_moves_smoothly_by_the_seed(tmp_path: Path) -> None:
    picture = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8), (0, 0), 3)
    cv2.imwrite(str(tmp_path / "p.png"), picture)
    clip = Clip("c", "train", "p", "", (160, 120), (200, 150, 200))
    frames = clip_frames(clip, tmp_path / "p.png", 2.0, seed=1)
    assert len(frames) == 25
    assert all(np.array_equal(a, b) for a, b in zip(frames, clip_frames(clip, tmp_path / "p.png", 2.0, seed=1), strict=True))
    assert not np.array_equal(frames[0], clip_frames(clip, tmp_path / "p.png", 2.0, seed=2)[0])
    steps = [cv2.phaseCorrelate(a[..., 0].astype(np.float64), b[..., 0].astype(np.float64))[0] for a, b in itertools.pairwise(frames)]
    assert 0 < max(np.hypot(*step) for step in steps) < 3


def test_a_disabled_demo_leaves_a_note(tmp_path: Path) -> None:
    params = DemoParams(enabled=False, seconds=1, crf=18)
    with ThreadPoolExecutor(1) as executor:
        build_demo(params, 1, {}, tmp_path / "none", tmp_path / "demo", tmp_path / "work", executor)
    assert "demo.enabled is false" in (tmp_path / "demo/NOTE.txt").read_text()
    assert json.loads((tmp_path / "demo.json").read_text()) == {"clips": []}


def test_a_short_demo_is_complete_and_its_fakes_stay_aligned(assets: Path, asset_work: Path, tmp_path: Path) -> None:
    params = DemoParams(enabled=True, seconds=0.16, crf=18)
    with ThreadPoolExecutor(1) as executor:
        build_demo(params, 1, {}, assets, tmp_path / "demo", asset_work.parent, executor)
    with (tmp_path / "demo/demo.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(CLIPS) + len(FAKES)
    assert {row["path"]: row["person"] for row in rows if row["person"]} == {clip.path: clip.person for clip in CLIPS if clip.person}
    for row in (row for row in rows if row["label"] == "1"):
        fake, real = (_decode(tmp_path / "demo" / row[column]) for column in ("path", "source"))
        assert fake.shape == real.shape
        apart = np.abs(fake.astype(int) - real).max(axis=-1)
        assert np.median(apart) <= 4
        assert (apart > 30).any()


def _decode(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """All RGB frames of a video."""
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
