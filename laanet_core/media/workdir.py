"""Content-keyed work folder: finished videos survive a kill, `dvc repro` and `dvc exp run`.

Each item (a video) is one file, named by the SHA-256 of everything that determines it. It is written under a temporary name,
renamed when complete, and hard-linked into the stage's output. The folder is `.work`, or what LAANET_WORK names.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from laanet_core.errors import LaanetError
from laanet_core.media.record import ItemRecord

CRASHED = ".crashed"
"""Suffix of a file that stands for an item that could not be made."""
RECORD = "items.json"


def work_root() -> Path:
    """The work folder: LAANET_WORK, or `.work` in the current folder."""
    return Path(os.environ.get("LAANET_WORK", ".work")).absolute()


def code_version(*modules: ModuleType) -> str:
    """SHA-256 over the source of modules: the version of the code that made an item."""
    digest = hashlib.sha256()
    for module in modules:
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()


def item_key(**parts: Any) -> str:
    """SHA-256 of the JSON of named parts (item digest, parameters, code version), independent of their order."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


class WorkDir:
    """The finished items of one step of one data set (`step` such as `frames/demo`)."""

    def __init__(self, step: str, root: Path | None = None) -> None:
        self.folder = (root or work_root()) / step
        self.folder.mkdir(parents=True, exist_ok=True)
        self.record = ItemRecord(self.folder / RECORD)

    def path(self, key: str) -> Path:
        """Where the item of this key is, or will be."""
        return self.folder / key[:2] / key

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep a second writer out; raises LaanetError when another process holds the step."""
        with (self.folder / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LaanetError(f"{self.folder}: another run is writing here; wait for it or end it, then start again.") from None
            self._sweep()
            yield

    def _sweep(self) -> None:
        """Remove what killed runs left half-written, and what stood for items that could not be made."""
        for pattern in ("*/*.tmp", f"*/*{CRASHED}"):
            for leftover in self.folder.glob(pattern):
                leftover.unlink()


def link_item(item: Path, out: Path) -> None:
    """Put a finished item into a stage's output: a hard link, or a copy on another file system."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.unlink(missing_ok=True)
    try:
        os.link(item, out)
    except OSError:
        shutil.copyfile(item, out)


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
