"""SHA-256 of files and of folders of pictures, remembered on this machine by size and modification time."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from pathlib import Path

from laanet_core.store.writing import write_text

SAVE_EVERY_S = 30.0


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_digest(folder: Path) -> str:
    """SHA-256 of the names and digests of a folder's files; neither its sub-folders nor hidden files count."""
    digest = hashlib.sha256()
    for path in _files_of(folder):
        digest.update(f"{file_digest(path)}  {path.name}\n".encode())
    return digest.hexdigest()


def size_of(path: Path) -> int:
    """Bytes of a file, or of a folder's own files; raises OSError where there is neither."""
    return _stamp(path)[0]


class DigestCache:
    """Digests of files and of folders of pictures, remembered in a JSON file by absolute path, size and modification time.

    It is of use on this machine only, and no output holds any of it but the digests.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._unsaved = False
        self._saved = time.monotonic()
        self._known: dict[str, list[object]] = {}
        try:
            loaded = json.loads(path.read_text())
        except (FileNotFoundError, ValueError):
            return
        if isinstance(loaded, dict):
            self._known = loaded

    def look_up(self, path: Path) -> tuple[int, str]:
        """Size in bytes and digest of a file or folder: (0, '') when it is missing, (size, '') when it cannot be read."""
        try:
            stamp = _stamp(path)
        except OSError:
            return 0, ""
        key = str(path.absolute())
        found = self._known.get(key)
        if isinstance(found, list) and found[:2] == stamp and len(found) == 3:
            return stamp[0], str(found[2])
        try:
            digest = folder_digest(path) if path.is_dir() else file_digest(path)
        except OSError:
            return stamp[0], ""
        self._remember(key, [*stamp, digest])
        return stamp[0], digest

    def _remember(self, key: str, facts: list[object]) -> None:
        """Keep what was learnt, on disk from time to time, so that a run cut off need not read it all again."""
        self._known[key] = facts
        self._unsaved = True
        if time.monotonic() - self._saved > SAVE_EVERY_S:
            self.save()

    def save(self) -> None:
        """Write the file whole, where there is anything new."""
        if not self._unsaved:
            return
        write_text(self.path, json.dumps(self._known, sort_keys=True))
        self._unsaved, self._saved = False, time.monotonic()


def _stamp(path: Path) -> list[int]:
    """Size and modification time in nanoseconds; of a folder, the sum of its files' sizes and a number that changes with any of them."""
    facts = path.stat()
    if stat.S_ISREG(facts.st_mode):
        return [facts.st_size, facts.st_mtime_ns]
    if not stat.S_ISDIR(facts.st_mode):
        raise OSError("neither a file nor a folder")  # a pipe, say, from which reading would wait for ever
    members = [(file.name, _stamp(file)) for file in _files_of(path)]
    listing = hashlib.sha256(repr(members).encode()).digest()
    return [sum(size for _, (size, _) in members), int.from_bytes(listing[:7])]


def _files_of(folder: Path) -> list[Path]:
    """A folder's own files by name, without hidden ones."""
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if not entry.name.startswith(".") and entry.is_file())
    return [folder / name for name in names]
