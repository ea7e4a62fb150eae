"""Placing finished items in the output folder of a stage."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from laanet_core.errors import LaanetError
from laanet_core.store.writing import copy_file


def link_item(item: Path, out: Path) -> None:
    """Hard-link a finished item to `out`, or copy it if `out` is on another file system."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.unlink(missing_ok=True)
    try:
        os.link(item, out)
    except OSError:
        copy_file(item, out)


def output_path(folder: Path, video_id: str, suffix: str) -> Path:
    """Return `folder/video_id + suffix`; raises LaanetError if the id points outside the folder."""
    path = Path(os.path.normpath(folder / f"{video_id}{suffix}"))
    if not path.is_relative_to(os.path.normpath(folder)) or "\x00" in video_id:
        raise LaanetError(f"video id {video_id!r} points outside the folder {folder}; rename the video.")
    return path


def clear_output(folder: Path) -> None:
    """Create the output folder of a stage, or empty it."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
