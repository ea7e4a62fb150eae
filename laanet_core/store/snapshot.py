"""Snapshot of the inputs of a run, taken at its start and compared at its end, to detect changes by other commands."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from laanet_core.errors import LaanetError
from laanet_core.store.digests import file_digest

SOURCE_SUFFIXES = {".py"}


class _FileState(NamedTuple):
    """State of a file. stamp: inode, size in bytes, modification time in ns; digest: SHA-256, None if the file was not read."""

    stamp: tuple[int, int, int]
    digest: str | None


class Snapshot:
    """State of some files and folders; files may be missing.

    Files given by path, and source code in folders, are compared by digest, so that rewriting the same content counts as unchanged. Other
    files in folders, which may be many and large, are compared by inode, size and modification time, which change when one is replaced.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self.paths = list(paths)
        self._states = {path: _state(path, read) for path, read in self._files()}

    def digest(self, path: Path) -> str:
        """Return the SHA-256 of a file at the time of the snapshot; raises KeyError if it was missing or not read."""
        digest = self._states[path].digest
        if digest is None:
            raise KeyError(path)
        return digest

    def changed(self) -> Path | None:
        """Return the first file that was changed, added or removed since the snapshot, None if there is none."""
        current = dict(self._files())
        for path in sorted(self._states.keys() ^ current.keys()):
            return path
        return next((path for path in self._states if self._is_changed(path)), None)

    def check(self) -> None:
        """Raise LaanetError if any file changed."""
        path = self.changed()
        if path is not None:
            raise LaanetError(
                f"{path}: was changed by another command while this stage ran, so the result is not kept; "
                "wait for other commands to finish ('laanet run' does so), then run again."
            )

    def _files(self) -> Iterator[tuple[Path, bool]]:
        """Yield each file and whether to compare it by digest."""
        for path in self.paths:
            if path.is_dir():
                for folder, _, names in os.walk(path):
                    for name in names:
                        if not name.endswith(".pyc"):
                            yield Path(folder, name), Path(name).suffix in SOURCE_SUFFIXES
            elif path.exists():
                yield path, True

    def _is_changed(self, path: Path) -> bool:
        before = self._states[path]
        try:
            now = _state(path, read=False)
            return now.stamp != before.stamp and (before.digest is None or file_digest(path) != before.digest)
        except FileNotFoundError:
            return True


def _state(path: Path, read: bool) -> _FileState:
    info = path.stat()
    return _FileState((info.st_ino, info.st_size, info.st_mtime_ns), file_digest(path) if read else None)
