"""Types of folder layouts: the entry of a video, and the description of a layout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from laanet_core.formats import MEDIA_SUFFIXES
from laanet_core.params import DatasetParams, Split


@dataclass(frozen=True)
class LayoutEntry:
    """One video as described by a folder layout: an `IndexRow` without the size and digest of the file.

    path: a video file, an image (one frame) or a folder of images (one per frame), relative to the root, with slashes;
    person: empty if the layout does not identify the person; other fields: see `IndexRow`.
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
        """Split and label in words, e.g. `test fake`."""
        return f"{self.split} {'fake' if self.label else 'real'}"


@dataclass(frozen=True)
class Layout:
    """A folder layout.

    find: lists the entries of a root, including listed videos that are missing; raises LaanetError for a malformed folder or list;
    tree: description of the expected content of the root; official: whether the complete set of videos is known, so that missing ones are
    an error; published: kind (`test fake`, or `in all`) -> published number of videos; selective: whether videos in the root may be
    unlisted, which are then skipped; cropped: whether the images are face crops.
    """

    find: Callable[[Path, DatasetParams], list[LayoutEntry]]
    tree: str
    official: bool = True
    published: Mapping[str, int] = field(default_factory=dict)
    selective: bool = False
    cropped: bool = False


def stem(path: str) -> str:
    """Return a path without the suffix of a video or image, the usual video id; other paths, e.g. of folders, are returned unchanged."""
    return str(PurePosixPath(path).with_suffix("")) if PurePosixPath(path).suffix.lower() in MEDIA_SUFFIXES else path
