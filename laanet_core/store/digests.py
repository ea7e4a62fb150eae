"""SHA-256 of files and image folders, cached on this machine by size and modification time."""

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
    """Return the SHA-256 of the content of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_digest(folder: Path) -> str:
    """Return the SHA-256 of the names and digests of the files in a folder; subfolders and hidden files are ignored."""
    digest = hashlib.sha256()
    for path in _files_of(folder):
        digest.update(f"{file_digest(path)}  {path.name}\n".encode())
    return digest.hexdigest()


def size_of(path: Path) -> int:
    """Return the size in bytes of a file, or of the files directly in a folder; raises OSError if the path is neither."""
    return _stamp(path)[0]


class DigestCache:
    """Digests of files and image folders, cached in a JSON file by absolute path, size and modification time.

    The cache is specific to this machine; outputs contain only the digests.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._unsaved = False
        self._saved = time.monotonic()
        self._entries: dict[str, list[object]] = {}
        try:
            loaded = json.loads(path.read_text())
        except (FileNotFoundError, ValueError):
            return
        if isinstance(loaded, dict):
            self._entries = loaded

    def look_up(self, path: Path) -> tuple[int, str]:
        """Return size in bytes and digest of a file or folder: (0, '') if it is missing, (size, '') if it cannot be read."""
        try:
            stamp = _stamp(path)
        except OSError:
            return 0, ""
        key = str(path.absolute())
        found = self._entries.get(key)
        if isinstance(found, list) and found[:2] == stamp and len(found) == 3:
            return stamp[0], str(found[2])
        try:
            digest = folder_digest(path) if path.is_dir() else file_digest(path)
        except OSError:
            return stamp[0], ""
        self._remember(key, [*stamp, digest])
        return stamp[0], digest

    def _remember(self, key: str, entry: list[object]) -> None:
        """Add an entry, and save from time to time, so that an interrupted run need not read all files again."""
        self._entries[key] = entry
        self._unsaved = True
        if time.monotonic() - self._saved > SAVE_EVERY_S:
            self.save()

    def save(self) -> None:
        """Write the file atomically if there are new entries."""
        if not self._unsaved:
            return
        write_text(self.path, json.dumps(self._entries, sort_keys=True))
        self._unsaved, self._saved = False, time.monotonic()


def _stamp(path: Path) -> list[int]:
    """Return size and modification time in ns; for a folder, the total size of its files and a number that changes with any of them."""
    info = path.stat()
    if stat.S_ISREG(info.st_mode):
        return [info.st_size, info.st_mtime_ns]
    if not stat.S_ISDIR(info.st_mode):
        raise OSError("neither a file nor a folder")  # e.g. a pipe, which would block the reader forever
    members = [(file.name, _stamp(file)) for file in _files_of(path)]
    listing = hashlib.sha256(repr(members).encode()).digest()
    return [sum(size for _, (size, _) in members), int.from_bytes(listing[:7])]


def _files_of(folder: Path) -> list[Path]:
    """List the files directly in a folder, sorted by name, without hidden ones."""
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if not entry.name.startswith(".") and entry.is_file())
    return [folder / name for name in names]
