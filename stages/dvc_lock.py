"""DVC's lock of the project, held from the last check of a stage's inputs until its process ends.

DVC gives its lock up while a stage runs, and takes it again to record the result. A `dvc checkout` or a second run in between those two
moments would be recorded as the stage's own; while this process holds the lock, there can be none.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from pathlib import Path

_PATIENCE_S = 3.0


def hold_dvc_lock(root: Path) -> None:
    """Wait for DVC's lock and keep it until this process ends; nothing where no DVC has run yet."""
    folder = root / ".dvc" / "tmp"
    if not folder.is_dir():
        return
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    start, told = time.monotonic(), False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if not told and time.monotonic() - start > _PATIENCE_S:
                print("waiting for another dvc command in this project to end", file=sys.stderr, flush=True)
                told = True
            time.sleep(0.05)
