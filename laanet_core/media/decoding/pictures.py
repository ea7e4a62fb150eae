"""FrameSource of pictures: a single image, or those of a folder in their natural order, decoded by Pillow.

Pillow tells a picture's size before it decodes and reports one that is cut short; OpenCV fills what is missing with grey.
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

# Pillow warns of broken tags and of large sizes; what matters here is a reason of its own
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
"""EXIF orientation -> what makes it upright."""


def pictures_of(folder: Path) -> list[Path]:
    """The pictures directly in a folder: by number where every stem is one, else by name. Hidden files, other suffixes and links that
    lead out of the folder do not count. Raises UndecodableError where there are none."""
    home = folder.resolve()
    found = [path for path in folder.iterdir() if not path.name.startswith(".") and path.suffix.lower() in IMAGE_SUFFIXES]
    check_frame_count(len(found))
    paths = [path for path in found if _is_member(path, home)]
    if not paths:
        raise UndecodableError("the folder has no pictures")
    if all(path.stem.isascii() and path.stem.isdigit() for path in paths):
        return sorted(paths, key=lambda path: (int(path.stem), path.name))
    return sorted(paths, key=lambda path: path.name)


def _is_member(path: Path, home: Path) -> bool:
    if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(home):
        return False
    return path.is_file()


class PictureSource:
    """Pictures as frames, numbered from 0 in the order given; their sizes may differ.

    Raises UndecodableError, with the first one's reason, when not one has a header that can be read.
    """

    def __init__(self, paths: list[Path]) -> None:
        self._paths = paths
        self.frame_count = len(paths)
        self.width, self.height = _first_size(paths)

    def frames(self, numbers: Iterable[int]) -> Iterator[tuple[int, Image]]:
        """See `FrameSource`; a picture that is alone states its reason."""
        for number in sorted({number for number in numbers if 0 <= number < self.frame_count}):
            try:
                rgb = read_picture(self._paths[number])
            except UndecodableError:
                if self.frame_count == 1:
                    raise
                continue
            yield number, rgb

    def close(self) -> None:
        """Nothing stays open between pictures."""


def _first_size(paths: list[Path]) -> tuple[int, int]:
    """(width, height) of the first picture that has them; raises UndecodableError, with the first one's reason, when none has."""
    first_reason: UndecodableError | None = None
    for path in paths:
        try:
            with _opened(path) as picture:
                return picture.size
        except UndecodableError as error:
            first_reason = first_reason or error
    raise first_reason or UndecodableError("there are no pictures")


def read_picture(path: Path) -> Image:
    """A picture of any depth and colour model as upright RGB (H, W, 3) uint8, its alpha left out; raises UndecodableError."""
    with _opened(path) as picture:
        upright = _UPRIGHT.get(_orientation(picture))
        rgb = _rgb_of(picture)
        return np.array(rgb if upright is None else rgb.transpose(upright))


def _rgb_of(picture: PIL.Image.Image) -> PIL.Image.Image:
    """The decoded picture with 8 bits a channel; of 16 bits the upper ones, where Pillow alone would clip."""
    if picture.mode.startswith("I"):
        return PIL.Image.fromarray((np.asarray(picture) >> 8).clip(0, 255).astype(np.uint8)).convert("RGB")
    return picture.convert("RGB")


def _orientation(picture: PIL.Image.Image) -> int:
    """The EXIF orientation, 1 where there is none or the tags are broken: the picture may be whole all the same."""
    try:
        return int(picture.getexif().get(_ORIENTATION, 1))
    except Exception:
        return 1


@contextmanager
def _opened(path: Path) -> Iterator[PIL.Image.Image]:
    """The picture with its header read and its size accepted; whatever goes wrong inside is this picture's UndecodableError."""
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
    except Exception as error:  # Pillow's readers raise whatever their arithmetic on a damaged file leads to
        raise UndecodableError(f"the picture cannot be read: {type(error).__name__}") from None
