"""What a layout says of one video, and the tools that layouts share."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from laanet_core.errors import LaanetError
from laanet_core.params import Split

VIDEO_SUFFIXES = frozenset({".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv"})


@dataclass(frozen=True)
class Entry:
    """One video as its layout knows it: `IndexRow` without what its bytes tell.

    path is relative to the root, with slashes; person is empty where the layout does not tell who is seen.
    """

    video_id: str
    path: str
    label: int
    method: str
    split: Split
    compression: str = ""
    source_id: str = ""
    person: str = ""


def stem(path: str) -> str:
    """A path without its suffix: the usual video id."""
    return str(PurePosixPath(path).with_suffix(""))


def videos_under(folder: Path) -> Iterator[str]:
    """Paths, relative to a folder and with slashes, of all video files under it, in order; hidden files are left out."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if Path(name).suffix.lower() in VIDEO_SUFFIXES and not name.startswith("."):
                yield (Path(parent) / name).relative_to(folder).as_posix()


def inside(root: Path, path: str, where: str) -> str:
    """A listed path, tidied; raises LaanetError when it leads out of the root, by `..` or a link."""
    tidy = PurePosixPath(os.path.normpath(path))
    if not path or tidy.is_absolute() or "\x00" in path or not (root / tidy).resolve().is_relative_to(root.resolve()):
        raise LaanetError(f"{where}: path {path!r} leads out of {root}; list paths relative to that folder and inside it.")
    return str(tidy)


def read_json(path: Path) -> Any:
    """The content of a JSON file; raises LaanetError when it is missing or malformed."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise LaanetError(f"{path}: not found; put the data set's own file there.") from None
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise LaanetError(f"{path}: not valid JSON ({error}); download it again.") from None


def read_json_table(path: Path) -> dict[str, dict[str, Any]]:
    """A JSON file that maps file names to records; raises LaanetError when it is anything else."""
    loaded = read_json(path)
    if not isinstance(loaded, dict) or not all(isinstance(record, dict) for record in loaded.values()):
        raise LaanetError(f"{path}: does not map file names to records; download it again.")
    return loaded
