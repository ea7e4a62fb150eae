"""Pictures as a FrameSource: a single picture, or the pictures of a folder in natural order, decoded by Pillow.

Pillow gives the size of a picture before decoding it and reports truncated files, where OpenCV fills the missing part with grey.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import PIL.Image

from laanet_core.formats import IMAGE_SUFFIXES
from laanet_core.media.decoding.base import OUT_OF_MEMORY, UndecodableError
from laanet_core.media.decoding.limits import MAX_PIXELS, check_frame_count, check_size
from laanet_core.types import Image

# Pillow warns of broken tags and large sizes; what matters of these is reported as an UndecodableError
warnings.filterwarnings("ignore", module="PIL")

FORMATS = ("BMP", "JPEG", "PNG", "WEBP")
_ORIENTATION = 0x0112
_UPRIGHT = {
    2: PIL.Image.Transpose.FLIP_LEFT_RIGHT,
    3: PIL.Image.Transpose.ROTATE_180,
    4: PIL.Image.Transpose.FLIP_TOP_BOTTOM,
    5: PIL.Image.Transpose.TRANSPOSE,
    6: PIL.Image.Transpose.ROTATE_270,
    7: PIL.Image.Transpose.TRANSVERSE,
    8: PIL.Image.Transpose.ROTATE_90,
}
"""EXIF orientation -> operation that turns the picture upright."""


def list_pictures(folder: Path) -> list[Path]:
    """List the pictures directly in a folder, sorted by number if every stem is a number, else by name.

    Hidden files, other suffixes and links that lead out of the folder are ignored. Raises UndecodableError if there are no pictures.
    """
    home = folder.resolve()
    candidates = [path for path in folder.iterdir() if not path.name.startswith(".") and path.suffix.lower() in IMAGE_SUFFIXES]
    check_frame_count(len(candidates))
    paths = [path for path in candidates if _is_member(path, home)]
    if not paths:
        raise UndecodableError("the folder has no pictures")
    if all(path.stem.isascii() and path.stem.isdigit() for path in paths):
        return sorted(paths, key=lambda path: (int(path.stem), path.name))
    return sorted(paths, key=lambda path: path.name)


def _is_member(path: Path, home: Path) -> bool:
    """Whether a path is a file and not a link out of the folder `home`."""
    if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(home):
        return False
    return path.is_file()


class PictureSource:
    """Pictures as frames, numbered from 0 in the given order; their sizes may differ.

    Raises UndecodableError, with the reason of the first picture, if none of them has a readable header.
    """

    def __init__(self, paths: list[Path]) -> None:
        self._paths = paths
        self.frame_count = len(paths)
        self.width, self.height = _first_size(paths)

    def frames(self, numbers: Iterable[int]) -> Iterator[tuple[int, Image]]:
        """See `FrameSource`. A single picture that cannot be decoded raises UndecodableError instead of being left out."""
        for number in sorted({number for number in numbers if 0 <= number < self.frame_count}):
            try:
                rgb = read_picture(self._paths[number])
            except UndecodableError:
                if self.frame_count == 1:
                    raise
                continue
            yield number, rgb

    def close(self) -> None:
        """Do nothing: no file stays open between pictures."""


def _first_size(paths: list[Path]) -> tuple[int, int]:
    """(width, height) of the first picture with a readable header; raises UndecodableError, with the first reason, if there is none."""
    first_reason: UndecodableError | None = None
    for path in paths:
        try:
            with _opened(path) as picture:
                return picture.size
        except UndecodableError as error:
            first_reason = first_reason or error
    raise first_reason or UndecodableError("there are no pictures")


def read_picture(path: Path) -> Image:
    """Decode a picture of any bit depth and colour model to upright RGB (H, W, 3) uint8 without alpha; raises UndecodableError."""
    with _opened(path) as picture:
        upright = _UPRIGHT.get(_orientation(picture))
        rgb = _rgb_of(picture)
        return np.array(rgb if upright is None else rgb.transpose(upright))


def _rgb_of(picture: PIL.Image.Image) -> PIL.Image.Image:
    """The decoded picture as 8-bit RGB. Of 16 bits the upper 8 are kept, where Pillow would clip."""
    if picture.mode.startswith("I"):
        return PIL.Image.fromarray((np.asarray(picture) >> 8).clip(0, 255).astype(np.uint8)).convert("RGB")
    return picture.convert("RGB")


def _orientation(picture: PIL.Image.Image) -> int:
    """The EXIF orientation; 1 if there is none or the tags are broken, since the picture itself may be intact."""
    try:
        return int(picture.getexif().get(_ORIENTATION, 1))
    except Exception:
        return 1


@contextmanager
def _opened(path: Path) -> Iterator[PIL.Image.Image]:
    """Open a picture and check its size; any error inside the context becomes an UndecodableError."""
    try:
        with path.open("rb") as file, PIL.Image.open(file, formats=FORMATS) as picture:
            check_size(*picture.size)
            yield picture
    except UndecodableError:
        raise
    except PIL.UnidentifiedImageError:
        raise UndecodableError("it is not a BMP, JPEG, PNG or WebP picture") from None
    except PIL.Image.DecompressionBombError:
        raise UndecodableError(f"it claims more than {MAX_PIXELS} pixels") from None
    except MemoryError:
        raise UndecodableError(OUT_OF_MEMORY) from None
    except OSError as error:
        raise UndecodableError(f"the picture cannot be read: {error.strerror or error}") from None
    except Exception as error:  # Pillow's decoders raise arbitrary exceptions for damaged files
        raise UndecodableError(f"the picture cannot be read: {type(error).__name__}") from None
