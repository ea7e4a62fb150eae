"""Finished items put into a stage's output folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from laanet_core.errors import LaanetError
from laanet_core.store.writing import copy_file


def link_item(item: Path, out: Path) -> None:
    """Put a finished item into a stage's output: a hard link, or a copy on another file system."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.unlink(missing_ok=True)
    try:
        os.link(item, out)
    except OSError:
        copy_file(item, out)


def output_path(folder: Path, video_id: str, suffix: str) -> Path:
    """`folder/video_id + suffix`; raises LaanetError when the id would leave the folder."""
    path = Path(os.path.normpath(folder / f"{video_id}{suffix}"))
    if not path.is_relative_to(os.path.normpath(folder)) or "\x00" in video_id:
        raise LaanetError(f"video id {video_id!r} leaves its folder {folder}; rename the video.")
    return path


def clear_output(folder: Path) -> None:
    """Empty a stage's output folder, whatever an earlier run left in it."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
