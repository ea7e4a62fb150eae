"""Content-addressed work folder: results of finished videos survive a kill, `dvc repro` and `dvc exp run`.

Each item (the result for one video) is one file, named by the SHA-256 of everything that determines it. It is written under a temporary
name, renamed when complete, and hard-linked into the stage's output. The folder is `.work`, or the value of LAANET_WORK.
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
"""Suffix of the placeholder of an item that could not be computed."""
RECORD = "items.json"


def work_root() -> Path:
    """Return the work folder: LAANET_WORK, or `.work` in the current folder."""
    return Path(os.environ.get("LAANET_WORK", ".work")).absolute()


def item_key(**parts: Any) -> str:
    """Return the SHA-256 of the JSON of named parts (digests, parameters, code version), independent of their order."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


class WorkDir:
    """Folder with the finished items of one step, e.g. `frames/demo`."""

    def __init__(self, step: str, root: Path | None = None) -> None:
        self.folder = (root or work_root()) / step
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except FileNotFoundError:
            raise LaanetError(f"{self.folder}: cannot be created; set LAANET_WORK to another folder, then run again.") from None
        self.record = ItemRecord(self.folder / RECORD)

    def path(self, key: str) -> Path:
        """Return the path of the item with this key, which may not exist yet."""
        return self.folder / key[:2] / key

    def items(self) -> list[Path]:
        """List the files of finished items, sorted by key."""
        return sorted(self.folder.glob("??/*"))

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lock the step against other writers for the duration of a run; raises LaanetError if another process holds the lock."""
        with (self.folder / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LaanetError(
                    f"{self.folder}: another run is writing here; wait for it to finish or stop it, then run again."
                ) from None
            self.record = ItemRecord(self.folder / RECORD)  # another run may just have written it
            self._sweep()
            yield
            self.record.finish()

    def _sweep(self) -> None:
        """Remove incomplete files of killed runs, and placeholders of items that could not be computed."""
        for pattern in ("*/*.tmp", f"*/*{CRASHED}"):
            for leftover in self.folder.glob(pattern):
                leftover.unlink()


def steps(root: Path) -> Iterator[WorkDir]:
    """Yield the steps of a work folder that have items."""
    for record in sorted([*root.glob(f"*/{RECORD}"), *root.glob(f"*/*/{RECORD}")]):
        yield WorkDir(str(record.parent.relative_to(root)), root)
