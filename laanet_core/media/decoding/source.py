"""FrameSource: a video, a picture or a folder of pictures, opened once, counted and decoded by frame number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from laanet_core.formats import IMAGE_SUFFIXES
from laanet_core.media.decoding.base import OUT_OF_MEMORY, UndecodableError, stating_reasons
from laanet_core.media.decoding.limits import MAX_MEMORY, memory_budget
from laanet_core.media.decoding.pictures import PictureSource, pictures_of
from laanet_core.media.decoding.video import VideoSource
from laanet_core.types import Image


class FrameSource(Protocol):
    """Numbered frames. frame_count: how many there are, from 0; width, height: pixels of the first picture, before it is turned upright."""

    frame_count: int
    width: int
    height: int

    def frames(self, numbers: Iterable[int]) -> Iterator[tuple[int, Image]]:
        """(number, RGB image (H, W, 3) uint8, upright) of the frames asked for, ascending; those that cannot be decoded are left out.

        Raises UndecodableError when decoding cannot go on, such as for want of memory.
        """
        ...

    def close(self) -> None:
        """Close what is open."""
        ...


@contextmanager
def open_source(path: Path) -> Iterator[FrameSource]:
    """Open a folder of pictures, a picture (by its suffix) or a video, with bounded memory as long as it is open.

    Raises UndecodableError, with the reason in words, when it is none of these or claims what no camera makes.
    """
    with _bounded_memory():
        with stating_reasons():
            source = _open(path)
        try:
            yield source
        finally:
            source.close()


@contextmanager
def _bounded_memory() -> Iterator[None]:
    """The memory budget of one file; whoever uses the frames has to make do with it too, and so this error alone is named here."""
    with memory_budget(MAX_MEMORY):
        try:
            yield
        except MemoryError:
            raise UndecodableError(OUT_OF_MEMORY) from None


def _open(path: Path) -> FrameSource:
    if path.is_dir():
        return PictureSource(pictures_of(path))
    if not path.is_file():
        raise UndecodableError("it is not a file" if path.exists() else "the file is not there")
    if path.stat().st_size == 0:
        raise UndecodableError("the file is empty")
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return PictureSource([path])
    return VideoSource(path)
