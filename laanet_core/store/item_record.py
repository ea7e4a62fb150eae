"""Record of the finished items of a step: the digest of each item, and which items the last run used."""

from __future__ import annotations

import json
import time
from pathlib import Path

from laanet_core.store.digests import SAVE_EVERY_S, file_digest
from laanet_core.store.writing import write_text


class ItemRecord:
    """JSON file next to the items of a step: key -> (size, modification time in ns, SHA-256), and the keys in use."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files: dict[str, tuple[int, int, str]] = {}
        self._last_used: list[str] = []
        self._used: set[str] = set()
        self._saved = time.monotonic()
        try:
            loaded = json.loads(path.read_text())
            self._files = {str(key): (int(size), int(time_ns), str(digest)) for key, (size, time_ns, digest) in loaded["files"].items()}
            self._last_used = [str(key) for key in loaded["used"]]
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            return

    @property
    def last_used(self) -> frozenset[str]:
        """Keys used by the last finished run and by any unfinished runs since."""
        return frozenset(self._last_used)

    def use(self, key: str) -> None:
        """Mark an item as used by this run."""
        self._used.add(key)

    def is_intact(self, item: Path) -> bool:
        """Return whether an item is unchanged since it was written; its content is read only if its size or time differ."""
        info, entry = item.stat(), self._files.get(item.name)
        return entry is None or entry[:2] == (info.st_size, info.st_mtime_ns) or entry[2] == file_digest(item)

    def add(self, item: Path, digest: str) -> None:
        """Record the digest of an item that was just written."""
        info = item.stat()
        self._files[item.name] = (info.st_size, info.st_mtime_ns, digest)
        if time.monotonic() - self._saved > SAVE_EVERY_S:
            self.save()

    def recorded_digest(self, key: str) -> str:
        """Return the digest that an item had when it was written, empty if none was recorded."""
        return self._files[key][2] if key in self._files else ""

    def forget(self, key: str) -> None:
        """Drop the entry of an item."""
        self._files.pop(key, None)

    def save(self) -> None:
        """Write the file atomically; until the run is finished, the items used by previous runs count as used as well."""
        self._write(sorted(self._used | set(self._last_used)))

    def finish(self) -> None:
        """Write the file at the end of a run: only the items that this run used count as used from now on."""
        if self._used:
            self._last_used = sorted(self._used)
            self._write(self._last_used)

    def _write(self, used: list[str]) -> None:
        write_text(self.path, json.dumps({"used": used, "files": self._files}, sort_keys=True))
        self._saved = time.monotonic()
