"""What a layout says of one video, and what it says of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from laanet_core.formats import MEDIA_SUFFIXES
from laanet_core.params import DatasetParams, Split


@dataclass(frozen=True)
class Entry:
    """One video as its layout knows it: `IndexRow` without what its bytes tell.

    path: a video file, an image (one frame) or a folder of images (one a frame), relative to the root, with slashes;
    person is empty where the layout does not tell who is seen.
    """

    video_id: str
    path: str
    label: int
    method: str
    split: Split
    compression: str = ""
    source_id: str = ""
    person: str = ""

    @property
    def kind(self) -> str:
        """Split and label in words, `test fake`."""
        return f"{self.split} {'fake' if self.label else 'real'}"


@dataclass(frozen=True)
class Layout:
    """A form of folder.

    find: entries of a root, those that its lists name and that are not there too; raises LaanetError for what it cannot make sense of;
    tree: what the root should hold, in words; official: it is known which videos there should be, so that a missing one is told;
    published: number of videos of a kind (`test fake`, or `in all`), as its makers give it; selective: other videos in the root than
    those it lists are left out; cropped: its pictures are face crops.
    """

    find: Callable[[Path, DatasetParams], list[Entry]]
    tree: str
    official: bool = True
    published: Mapping[str, int] = field(default_factory=dict)
    selective: bool = False
    cropped: bool = False


def stem(path: str) -> str:
    """A path without its suffix, the usual video id; a name whose suffix is no video's or image's, such as a folder's, is whole."""
    return str(PurePosixPath(path).with_suffix("")) if PurePosixPath(path).suffix.lower() in MEDIA_SUFFIXES else path
