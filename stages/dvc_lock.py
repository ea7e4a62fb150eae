"""DVC's project lock, held from the final check of a stage's inputs until the process ends.

DVC releases its lock while a stage runs and acquires it again to record the result. Files written by a `dvc checkout` or a second run in
between would be recorded as the stage's own; holding the lock prevents this.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from pathlib import Path

_PATIENCE_S = 3.0


def hold_dvc_lock(root: Path) -> None:
    """Wait for DVC's lock and hold it until this process ends; do nothing if DVC has never run here."""
    folder = root / ".dvc" / "tmp"
    if not folder.is_dir():
        return
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    start, reported = time.monotonic(), False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if not reported and time.monotonic() - start > _PATIENCE_S:
                print("waiting for another dvc command in this project to finish", file=sys.stderr, flush=True)
                reported = True
            time.sleep(0.05)
