"""Pictures as a FrameSource: any bit depth and colour model, upright, in natural order, refused before memory is allocated."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest

from laanet_core.media.decoding.base import UndecodableError
from laanet_core.media.decoding.pictures import read_picture
from laanet_core.media.decoding.source import open_source
from laanet_core.media.storage.shards import encode_png
from tests.helpers.malformed import picture, png_claiming
from tests.helpers.videos import moving_pictures

RGB = moving_pictures(1, 48, 64)[0]


def order_of(folder: Path, names: list[str]) -> list[int]:
    """Write pictures of shades 0, 1, 2 ... under these names; returns the shades in the order in which `open_source` yields them."""
    folder.mkdir()
    for shade, name in enumerate(names):
        (folder / name).write_bytes(encode_png(np.full((8, 8, 3), shade, np.uint8)))
    with open_source(folder) as source:
        return [int(rgb[0, 0, 0]) for _, rgb in source.frames(range(source.frame_count))]


def test_numbers_are_ordered_by_value_and_names_by_name(tmp_path: Path) -> None:
    assert order_of(tmp_path / "numbers", ["0.png", "2.png", "10.png", "100.png"]) == [0, 1, 2, 3]
    assert order_of(tmp_path / "padded", ["0001.png", "2.png", "0003.png"]) == [0, 1, 2]
    assert order_of(tmp_path / "names", ["a10.png", "a2.png", "b1.png"]) == [0, 1, 2]
    assert order_of(tmp_path / "mixed", ["10.png", "2.png", "face.png"]) == [0, 1, 2]


def test_only_pictures_directly_in_the_folder_count(tmp_path: Path) -> None:
    outside = tmp_path / "outside.png"
    outside.write_bytes(picture("png"))
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    for name in ("1.png", "2.JPG", "sub/3.png", ".4.png", "notes.txt"):
        (folder / name).write_bytes(picture("png"))
    (folder / "5.png").symlink_to(outside)
    (folder / "6.png").symlink_to(folder / "1.png")
    (folder / "7.png").mkdir()
    with open_source(folder) as source:
        assert source.frame_count == 3
        assert (source.width, source.height) == (64, 48)
        assert [number for number, _ in source.frames(range(9))] == [0, 1, 2]


def test_broken_pictures_are_left_out_and_sizes_may_differ(tmp_path: Path) -> None:
    for name, content in {"0": b"", "1": picture("png"), "2": picture("png")[:99], "3": picture("png", (20, 10))}.items():
        (tmp_path / f"{name}.png").write_bytes(content)
    with open_source(tmp_path) as source:
        assert (source.frame_count, source.width, source.height) == (4, 64, 48)
        assert {number: rgb.shape for number, rgb in source.frames(range(4))} == {1: (48, 64, 3), 3: (10, 20, 3)}


@pytest.mark.parametrize("kind", ["png", "bmp", "webp", "jpeg"])
def test_a_picture_is_decoded_as_by_opencv(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"picture.{kind}"
    path.write_bytes(picture(kind))
    expected = cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    assert np.abs(read_picture(path).astype(int) - expected).max() <= (2 if kind == "jpeg" else 0)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_any_colour_model_becomes_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("picture.jpg" if mode == "CMYK" else "picture.png")
    if mode == "I;16":
        PIL.Image.fromarray(np.full((48, 64), 204 << 8 | 7, np.uint16)).save(path)
    else:
        PIL.Image.new("RGB", (64, 48), (204, 204, 204)).convert(mode, dither=PIL.Image.Dither.NONE).save(path)
    rgb = read_picture(path)
    assert rgb.shape == (48, 64, 3)
    assert np.abs(rgb.astype(int) - (255 if mode == "1" else 204)).max() <= 2


def test_sixteen_bits_a_channel_keep_their_upper_eight(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "deep.png"), RGB[:, :, ::-1].astype(np.uint16) << 8)
    assert np.array_equal(read_picture(tmp_path / "deep.png"), RGB)


def test_alpha_is_dropped_and_hidden_colours_are_kept(tmp_path: Path) -> None:
    clear = np.dstack([RGB, np.zeros(RGB.shape[:2], np.uint8)])
    PIL.Image.fromarray(clear).save(tmp_path / "clear.png")
    assert np.array_equal(read_picture(tmp_path / "clear.png"), RGB)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_a_picture_upright_as_in_opencv(tmp_path: Path, orientation: int) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned.jpg"
    PIL.Image.fromarray(RGB).save(path, exif=exif, quality=95)
    upright = cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    assert read_picture(path).shape == upright.shape
    assert np.abs(read_picture(path).astype(int) - upright).max() <= 2


def test_broken_exif_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "broken.jpg"
    PIL.Image.fromarray(RGB).save(path, exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12\0\3\xff\xff")
    assert read_picture(path).shape == RGB.shape


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("huge.png", png_claiming(12_000, 12_000), "claims 12000x12000"),
        ("huger.png", png_claiming(100_000, 100_000), "claims more than"),
        ("long.png", png_claiming(17_000, 1), "claims 17000x1"),
        ("cut.jpg", picture("jpeg")[:700], "truncated"),
        ("text.jpg", b"Dear Sir or Madam", "not a BMP"),
        ("gif.png", b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\1\0\1\0\0\2\2D\1\0;", "not a BMP"),
        ("empty.webp", b"", "empty"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_picture_that_cannot_be_read_is_refused_with_a_reason(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UndecodableError, match=reason), open_source(tmp_path / name) as source:
        list(source.frames([0]))


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UndecodableError, match="no pictures"), open_source(tmp_path):
        pass
