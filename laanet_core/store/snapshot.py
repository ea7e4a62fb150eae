"""What a run reads, noted when it starts and compared when it ends: a result is of its inputs only if these stayed the same."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from laanet_core.errors import LaanetError
from laanet_core.store.digests import file_digest

SOURCE_SUFFIXES = {".py"}


class _Fact(NamedTuple):
    """What is known of a file: its inode, size and modification time; its SHA-256 where it was read."""

    stamp: tuple[int, int, int]
    digest: str | None


class Snapshot:
    """The state of files and folders, of which the first may be missing.

    A file is read for its digest, so that one that was written again with the same content counts as unchanged, and so is the source code
    in a folder. Other files in folders, which may be many and large, are known by inode, size and modification time: whoever replaces one
    changes these.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self.paths = list(paths)
        self._facts = {path: _fact(path, read) for path, read in self._files()}

    def digest(self, path: Path) -> str:
        """SHA-256 of a file among the paths, as it was; raises KeyError for one that was missing or not read."""
        digest = self._facts[path].digest
        if digest is None:
            raise KeyError(path)
        return digest

    def changed(self) -> Path | None:
        """The first file that is not as it was, or that was added or removed since."""
        found = dict(self._files())
        for path in sorted(self._facts.keys() ^ found.keys()):
            return path
        return next((path for path in self._facts if self._is_changed(path)), None)

    def check(self) -> None:
        """Raise LaanetError when anything changed."""
        path = self.changed()
        if path is not None:
            raise LaanetError(
                f"{path}: was changed by another command while this stage ran, so its result is of neither state and is not kept; "
                "let other commands end ('laanet run' waits for them), then run again."
            )

    def _files(self) -> Iterator[tuple[Path, bool]]:
        """Each file, and whether it is read."""
        for path in self.paths:
            if path.is_dir():
                for folder, _, names in os.walk(path):
                    for name in names:
                        if not name.endswith(".pyc"):
                            yield Path(folder, name), Path(name).suffix in SOURCE_SUFFIXES
            elif path.exists():
                yield path, True

    def _is_changed(self, path: Path) -> bool:
        before = self._facts[path]
        try:
            now = _fact(path, read=False)
            return now.stamp != before.stamp and (before.digest is None or file_digest(path) != before.digest)
        except FileNotFoundError:
            return True


def _fact(path: Path, read: bool) -> _Fact:
    facts = path.stat()
    return _Fact((facts.st_ino, facts.st_size, facts.st_mtime_ns), file_digest(path) if read else None)
