"""FrameSource: common interface of videos, pictures and folders of pictures, decoded by frame number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from laanet_core.formats import IMAGE_SUFFIXES
from laanet_core.media.decoding.base import OUT_OF_MEMORY, UndecodableError, translated_errors
from laanet_core.media.decoding.limits import MAX_MEMORY, memory_budget
from laanet_core.media.decoding.pictures import PictureSource, list_pictures
from laanet_core.media.decoding.video import VideoSource
from laanet_core.types import Image


class FrameSource(Protocol):
    """Frames numbered from 0 to frame_count - 1.

    width, height: size in pixels of the first picture, before it is turned upright.
    """

    frame_count: int
    width: int
    height: int

    def frames(self, numbers: Iterable[int]) -> Iterator[tuple[int, Image]]:
        """Yield (number, upright RGB image (H, W, 3) uint8) of the requested frames, ascending; undecodable frames are left out.

        Raises UndecodableError if decoding cannot continue, for example when memory runs out.
        """
        ...

    def close(self) -> None:
        """Close open files."""
        ...


@contextmanager
def open_source(path: Path) -> Iterator[FrameSource]:
    """Open a folder of pictures, a picture (by its suffix) or a video; memory is limited while it is open.

    Raises UndecodableError if the path is none of these, or if the file exceeds the limits of `limits`.
    """
    with _bounded_memory():
        with translated_errors():
            source = _open(path)
        try:
            yield source
        finally:
            source.close()


@contextmanager
def _bounded_memory() -> Iterator[None]:
    """Apply the memory budget of one file. It also covers the code that uses the frames, so only MemoryError is translated here."""
    with memory_budget(MAX_MEMORY):
        try:
            yield
        except MemoryError:
            raise UndecodableError(OUT_OF_MEMORY) from None


def _open(path: Path) -> FrameSource:
    if path.is_dir():
        return PictureSource(list_pictures(path))
    if not path.is_file():
        raise UndecodableError("it is not a file" if path.exists() else "the file does not exist")
    if path.stat().st_size == 0:
        raise UndecodableError("the file is empty")
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return PictureSource([path])
    return VideoSource(path)
