"""Outputs made beside the project's own, and put in their places together when a run is over.

Until then nothing that stands at an output's name is touched: it may be a link to DVC's cache, put there by a checkout meanwhile.
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
    """Context manager of a folder in which a run makes its outputs under their own relative paths; it is removed at the end.

    root: the project's folder; name: of the run. What runs that were killed left behind is removed first.
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
        """Move outputs, given by their paths in the project, to their places; raises LaanetError, moving none, when one was not made.

        optional: those of them that may be left as they are.
        """
        outputs = [path for path in outputs if path not in set(optional) or (self.folder / path).exists()]
        for path in outputs:
            if not (self.folder / path).exists():
                raise LaanetError(f"{path}: is an output of stage '{self.name}' in dvc.yaml, but was not made; correct dvc.yaml.")
        for number, path in enumerate(outputs):
            self._move(self.folder / path, self.root / path, number)

    def _move(self, made: Path, place: Path, number: int) -> None:
        """Rename what was made over what stands at its place."""
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.is_dir() and not place.is_symlink():
            place.rename(self.folder / f"old.{number}")
        try:
            os.replace(made, place)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            beside = place.with_name(f".{place.name}.{os.getpid()}.tmp")  # data/ or reports/ is on a file system of its own
            shutil.move(made, beside)
            os.replace(beside, place)


def _locked(folder: Path) -> int | None:
    """A descriptor that holds a lock on a folder until it is closed or the process ends; None where another process holds it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _remove_abandoned(folder: Path) -> None:
    """Remove the folder of a run that is not alive any more."""
    try:
        descriptor = _locked(folder)
    except FileNotFoundError:  # its run has just ended
        return
    if descriptor is not None:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)
