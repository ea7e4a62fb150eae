"""What is known of a step's finished items: the digest of each, and which the last run used."""

from __future__ import annotations

import json
import time
from pathlib import Path

from laanet_core.store.digests import SAVE_EVERY_S, file_digest
from laanet_core.store.writing import write_text


class ItemRecord:
    """A JSON file beside a step's items: key -> size, modification time in nanoseconds and SHA-256, and the keys in use."""

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
        """Keys that the last finished run used, and those after it that were not finished."""
        return frozenset(self._last_used)

    def use(self, key: str) -> None:
        """Note that this run uses an item."""
        self._used.add(key)

    def is_whole(self, item: Path) -> bool:
        """Whether an item is as it was made; its bytes are read only where its size or time are not."""
        facts, known = item.stat(), self._files.get(item.name)
        return known is None or known[:2] == (facts.st_size, facts.st_mtime_ns) or known[2] == file_digest(item)

    def learn(self, item: Path, digest: str) -> None:
        """Note the digest of an item that was just made."""
        facts = item.stat()
        self._files[item.name] = (facts.st_size, facts.st_mtime_ns, digest)
        if time.monotonic() - self._saved > SAVE_EVERY_S:
            self.save()

    def known_digest(self, key: str) -> str:
        """The digest that an item had when it was made, or empty where that is not known."""
        return self._files[key][2] if key in self._files else ""

    def forget(self, key: str) -> None:
        """Drop what is known of an item."""
        self._files.pop(key, None)

    def save(self) -> None:
        """Write the file whole; until a run is finished, what the one before it used counts as used too."""
        self._write(sorted(self._used | set(self._last_used)))

    def finish(self) -> None:
        """Write the file at the end of a run: what it used is now all that is used."""
        if self._used:
            self._last_used = sorted(self._used)
            self._write(self._last_used)

    def _write(self, used: list[str]) -> None:
        write_text(self.path, json.dumps({"used": used, "files": self._files}, sort_keys=True))
        self._saved = time.monotonic()
