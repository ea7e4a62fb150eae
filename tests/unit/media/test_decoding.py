"""Decoding: exactly the requested frames of any decodable file, and a reason for any other."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from laanet_core.media.decoding.base import UndecodableError, select_frames
from laanet_core.media.decoding.source import open_source
from tests.helpers.videos import moving_pictures, write_sound, write_video


def every_frame(path: Path) -> list[np.ndarray]:
    """All frames in order, by a plain loop over the decoder."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def frame_count(path: Path) -> int:
    with open_source(path) as source:
        return source.frame_count


def decode(path: Path, numbers: Iterable[int]) -> dict[int, np.ndarray]:
    with open_source(path) as source:
        return dict(source.frames(numbers))


@given(total=st.integers(0, 5000), count=st.integers(1, 200))
def test_selected_frames_are_distinct_evenly_spaced_and_include_both_ends(total: int, count: int) -> None:
    selected = select_frames(total, count)
    assert len(selected) == len(set(selected)) == min(total, count)
    if total > count > 1:
        assert (selected[0], selected[-1]) == (0, total - 1)
        steps = np.diff(selected)
        assert steps.max() - steps.min() <= 1


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("b_frames.mp4", "libx264", {"g": "12", "bf": "3"}),
        ("one_key_frame.mp4", "libx264", {"g": "500", "bf": "2"}),
        ("open_gop.mkv", "libx264", {"g": "10", "bf": "3", "x264-params": "open-gop=1"}),
        ("hevc.mp4", "libx265", {"g": "12", "x265-params": "log-level=none"}),
        ("vp9.webm", "libvpx-vp9", {"g": "12"}),
        ("mpeg4.avi", "mpeg4", {"g": "12", "bf": "2"}),
        ("h264.ts", "libx264", {"g": "12", "bf": "3"}),
        ("decoding_times.avi", "libx264", {"g": "12", "bf": "3"}),
        ("intra_refresh.mkv", "libx264", {"x264-params": "intra-refresh=1:keyint=12:bframes=0"}),
    ],
)
def test_frames_found_by_seeking_equal_those_of_one_pass_bit_for_bit(
    tmp_path: Path, name: str, codec: str, options: dict[str, str]
) -> None:
    path = write_video(tmp_path / name, moving_pictures(60), codec, options=options)
    expected = every_frame(path)
    numbers = [0, 1, 13, 14, 30, 47, 58, 59]
    with open_source(path) as source:
        assert source.frame_count == len(expected) == 60
        decoded = dict(source.frames(numbers))
    assert list(decoded) == numbers
    for number in numbers:
        assert np.array_equal(decoded[number], expected[number]), number


def test_frames_of_real_clips_found_by_seeking_equal_those_of_one_pass(shared: Path) -> None:
    for path in [shared / "data/real_clips/d0.mp4", shared / "data/video_pairs/ghost_mark/real.webm"]:
        expected = every_frame(path)
        with open_source(path) as source:
            assert source.frame_count == len(expected)
            for number, rgb in source.frames(select_frames(source.frame_count, 5)):
                assert np.array_equal(rgb, expected[number])


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "suffix"),
    [
        ("libx264", "yuv444p", "mp4"),
        ("libx264", "yuv422p10le", "mp4"),
        ("ffv1", "gray", "mkv"),
        ("ffv1", "bgra", "mkv"),
        ("png", "rgba", "mov"),
    ],
)
def test_unusual_pixel_formats_become_rgb(tmp_path: Path, codec: str, pix_fmt: str, suffix: str) -> None:
    pictures = moving_pictures(4)
    path = write_video(tmp_path / f"odd.{suffix}", pictures, codec, pix_fmt, {"crf": "5"} if codec == "libx264" else {})
    decoded = decode(path, range(4))
    for number, picture in enumerate(pictures):
        assert decoded[number].shape == picture.shape
        luminance = [image.astype(float) @ [0.299, 0.587, 0.114] for image in (decoded[number], picture)]
        assert np.abs(luminance[0] - luminance[1]).mean() < 6


def test_odd_sizes_are_kept(tmp_path: Path) -> None:
    path = write_video(tmp_path / "odd.mkv", moving_pictures(3, 47, 61), "ffv1", "bgr0")
    assert [rgb.shape for rgb in decode(path, [0, 2]).values()] == [(47, 61, 3)] * 2


def test_a_variable_frame_rate_counts_frames_not_time(tmp_path: Path) -> None:
    pictures = moving_pictures(12)
    path = write_video(tmp_path / "vfr.mp4", pictures, times=[0, 1, 2, 30, 31, 90, 95, 96, 97, 200, 201, 250])
    expected = every_frame(path)
    assert frame_count(path) == len(expected) == 12
    for number, rgb in decode(path, [2, 3, 9, 11]).items():
        assert np.array_equal(rgb, expected[number])


def test_a_rotated_video_is_decoded_upright(tmp_path: Path) -> None:
    path = write_video(tmp_path / "plain.mp4", moving_pictures(3, 48, 64))
    content = bytearray(path.read_bytes())
    unit = bytes.fromhex("00010000 00000000 00000000 00000000 00010000 00000000 00000000 00000000 40000000")
    quarter = bytes.fromhex("00000000 00010000 00000000 FFFF0000 00000000 00000000 00000000 00000000 40000000")
    position = content.index(unit, content.index(b"tkhd"))
    content[position : position + len(unit)] = quarter
    turned = tmp_path / "turned.mp4"
    turned.write_bytes(content)
    plain = decode(path, [1])[1]
    upright = decode(turned, [1])[1]
    assert upright.shape == (64, 48, 3)
    assert np.array_equal(upright, np.rot90(plain, -1))


def test_a_file_without_video_is_refused_with_a_reason(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "letter.mp4").write_text("Dear Sir or Madam\n")
    complete = write_video(tmp_path / "complete.mp4", moving_pictures(20)).read_bytes()
    (tmp_path / "no_index.mp4").write_bytes(complete[: len(complete) // 2])
    cases = {"empty": "empty", "letter": "FFmpeg says", "no_index": "FFmpeg says", "missing": "does not exist"}
    for name, reason in cases.items():
        with pytest.raises(UndecodableError, match=reason):
            frame_count(tmp_path / f"{name}.mp4")
    with pytest.raises(UndecodableError, match="no video stream"):
        frame_count(write_sound(tmp_path / "sound.m4a"))


def test_a_truncated_video_gives_the_frames_that_can_be_decoded(tmp_path: Path) -> None:
    complete = write_video(tmp_path / "complete.mkv", moving_pictures(60), options={"g": "12"}).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(complete[: len(complete) // 2])
    count = frame_count(tmp_path / "cut.mkv")
    assert 0 < count < 60
    assert len(decode(tmp_path / "cut.mkv", range(count))) >= count - 1


@pytest.mark.parametrize("size", [(17_000, 64), (12_000, 12_000)])
def test_a_header_that_claims_a_huge_picture_is_refused_before_memory_is_allocated(tmp_path: Path, size: tuple[int, int]) -> None:
    path = write_video(tmp_path / "huge.avi", moving_pictures(2), "rawvideo", "bgr24")
    content = bytearray(path.read_bytes())
    position = content.index(b"strf") + 8
    content[position + 4 : position + 12] = size[0].to_bytes(4, "little") + size[1].to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(UndecodableError, match=f"claims {size[0]}x{size[1]}"):
        frame_count(path)
