"""Content-keyed work folder: finished videos survive a kill, `dvc repro` and `dvc exp run`.

Each item (a video) is one file, named by the SHA-256 of everything that determines it. It is written under a temporary name,
renamed when complete, and hard-linked into the stage's output. The folder is `.work`, or what LAANET_WORK names.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from laanet_core.errors import LaanetError
from laanet_core.store.item_record import ItemRecord

CRASHED = ".crashed"
"""Suffix of a file that stands for an item that could not be made."""
RECORD = "items.json"


def work_root() -> Path:
    """The work folder: LAANET_WORK, or `.work` in the current folder."""
    return Path(os.environ.get("LAANET_WORK", ".work")).absolute()


def item_key(**parts: Any) -> str:
    """SHA-256 of the JSON of named parts (item digest, parameters, code version), independent of their order."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


class WorkDir:
    """The finished items of one step of one data set (`step` such as `frames/demo`)."""

    def __init__(self, step: str, root: Path | None = None) -> None:
        self.folder = (root or work_root()) / step
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except FileNotFoundError:
            raise LaanetError(f"{self.folder}: cannot be made; name another place in LAANET_WORK, then run again.") from None
        self.record = ItemRecord(self.folder / RECORD)

    def path(self, key: str) -> Path:
        """Where the item of this key is, or will be."""
        return self.folder / key[:2] / key

    def items(self) -> list[Path]:
        """The files of finished items, by key."""
        return sorted(self.folder.glob("??/*"))

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep a second writer out for the time of a run; raises LaanetError when another process holds the step."""
        with (self.folder / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LaanetError(f"{self.folder}: another run is writing here; wait for it or end it, then start again.") from None
            self.record = ItemRecord(self.folder / RECORD)  # what a run wrote that ended just now
            self._sweep()
            yield
            self.record.finish()

    def _sweep(self) -> None:
        """Remove what killed runs left half-written, and what stood for items that could not be made."""
        for pattern in ("*/*.tmp", f"*/*{CRASHED}"):
            for leftover in self.folder.glob(pattern):
                leftover.unlink()


def steps(root: Path) -> Iterator[WorkDir]:
    """The steps of a work folder that have items."""
    for record in sorted([*root.glob(f"*/{RECORD}"), *root.glob(f"*/*/{RECORD}")]):
        yield WorkDir(str(record.parent.relative_to(root)), root)
