"""Staging folder: a run writes its outputs there, and they are moved to their final paths together when it succeeds.

Until then the existing outputs are not touched: they may be links to DVC's cache, created by a checkout in the meantime.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from laanet_core.errors import LaanetError

FOLDER = ".staged"


class Staging:
    """Context manager of a temporary folder in which a run writes its outputs, under the same relative paths as in the project.

    root: the project's folder; name: name of the run. Leftovers of killed runs are removed first.
    """

    def __init__(self, root: Path, name: str) -> None:
        self.root, self.name = root, name

    def __enter__(self) -> Staging:
        parent = self.root / FOLDER
        parent.mkdir(exist_ok=True)
        for leftover in parent.iterdir():
            _remove_abandoned(leftover)
        self.folder = Path(tempfile.mkdtemp(prefix=f"{self.name}.", dir=parent))
        self._lock = _locked(self.folder)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)

    def publish(self, outputs: Iterable[str], optional: Iterable[str] = ()) -> None:
        """Move outputs to their final paths in the project; raises LaanetError, and moves none, if one was not written.

        outputs: relative paths; optional: those of them that may be absent, whose existing version then stays.
        """
        outputs = [path for path in outputs if path not in set(optional) or (self.folder / path).exists()]
        for path in outputs:
            if not (self.folder / path).exists():
                raise LaanetError(
                    f"{path}: is an output of stage '{self.name}' in dvc.yaml, but the stage did not write it; correct dvc.yaml."
                )
        for number, path in enumerate(outputs):
            self._move(self.folder / path, self.root / path, number)

    def _move(self, staged: Path, target: Path, number: int) -> None:
        """Replace the output at `target` by the staged one."""
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir() and not target.is_symlink():
            target.rename(self.folder / f"old.{number}")
        try:
            os.replace(staged, target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            copy = target.with_name(f".{target.name}.{os.getpid()}.tmp")  # data/ or reports/ is on another file system
            shutil.move(staged, copy)
            os.replace(copy, target)


def _locked(folder: Path) -> int | None:
    """Lock a folder; return a descriptor that holds the lock until it is closed or the process ends, None if another process holds it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _remove_abandoned(folder: Path) -> None:
    """Remove the folder of a run whose process has ended."""
    try:
        descriptor = _locked(folder)
    except FileNotFoundError:  # its run has just ended
        return
    if descriptor is not None:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)
