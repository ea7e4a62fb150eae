"""The registry of folder layouts, and the index that is built with them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import ModuleType

from laanet_core.datasets import cdf2, demo, dfd, dfdc, dfdcp, ffpp, folder
from laanet_core.datasets.entry import Entry
from laanet_core.datasets.index import IndexRow
from laanet_core.errors import LaanetError
from laanet_core.media.workdir import file_digest
from laanet_core.params import DatasetParams
from laanet_core.progress import Progress

LAYOUTS: dict[str, ModuleType] = {
    "cdf2": cdf2, "demo": demo, "dfd": dfd, "dfdc": dfdc, "dfdcp": dfdcp, "ffpp": ffpp, "folder": folder,
}  # fmt: skip
SAVE_EVERY = 200


def build_index(name: str, params: DatasetParams, cache: Path) -> list[IndexRow]:
    """Rows of data set `name` in `params.root`, read by `params.adapter`, or the layout of the same name, or `folder`.

    cache: folder for the digests of files seen before, by size and modification time, so that a rescan reads no video.
    A listed video that is missing, empty or unreadable is a row too, of size 0 or with an empty digest.
    Raises LaanetError for an unknown adapter, a missing folder, or a folder without videos, with the tree expected.
    """
    adapter = params.adapter or (name if name in LAYOUTS or name == "dfw" else "folder")
    layout, root = _layout(name, adapter), Path(params.root)
    expected = f"it should hold {layout.TREE}; mend the path or the adapter."
    if not root.is_dir():
        raise LaanetError(f"datasets.{name}.root: '{root}' is not a folder; {expected}")
    find: Callable[[Path, DatasetParams], list[Entry]] = layout.find
    entries = find(root, params)
    if not entries:
        raise LaanetError(f"datasets.{name}.root: no videos were found in '{root}'; {expected}")
    digests = DigestCache(cache / f"{name}.json")
    known = {entry.video_id for entry in entries}
    with Progress(f"index of {name}", total=len(entries)) as progress:
        rows = [_row(entry, root, known, digests, progress) for entry in entries]
    digests.save()
    return rows


def _layout(name: str, adapter: str) -> ModuleType:
    """The layout's module; raises LaanetError for an unknown one."""
    if adapter == "dfw":
        raise LaanetError(f"datasets.{name}: WildDeepfake comes as cropped images, which are not supported yet; remove the data set.")
    if adapter not in LAYOUTS:
        raise LaanetError(f"datasets.{name}.adapter: '{adapter}' is unknown; choose one of {', '.join(sorted(LAYOUTS))}.")
    return LAYOUTS[adapter]


def _row(entry: Entry, root: Path, known: set[str], digests: DigestCache, progress: Progress) -> IndexRow:
    """Index row of an entry: a source only where that is in the data set, a person always, size and digest from the file."""
    source = entry.source_id if entry.source_id in known else ""
    size, digest = digests.look_up(root / entry.path)
    progress.advance(entry.video_id)
    person = entry.person or entry.video_id
    return IndexRow(**{**asdict(entry), "source_id": source, "person": person}, size_bytes=size, digest=digest)


class DigestCache:
    """SHA-256 of files, remembered in a JSON file by absolute path, size and modification time; of use on this machine only."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.new = 0
        self.known: dict[str, list[object]] = {}
        try:
            loaded = json.loads(path.read_text())
        except (FileNotFoundError, ValueError):
            return
        if isinstance(loaded, dict):
            self.known = loaded

    def look_up(self, path: Path) -> tuple[int, str]:
        """Size in bytes and digest of a file: (0, '') when it is missing, (size, '') when it cannot be read."""
        try:
            facts = path.stat()
        except OSError:
            return 0, ""
        key, stamp = str(path.absolute()), [facts.st_size, facts.st_mtime_ns]
        found = self.known.get(key)
        if isinstance(found, list) and found[:2] == stamp and len(found) == 3:
            return facts.st_size, str(found[2])
        try:
            digest = file_digest(path)
        except OSError:
            return facts.st_size, ""
        self._remember(key, [*stamp, digest])
        return facts.st_size, digest

    def _remember(self, key: str, facts: list[object]) -> None:
        """Keep what was learnt, on disk from time to time, so that a run cut off need not read it all again."""
        self.known[key] = facts
        self.new += 1
        if self.new % SAVE_EVERY == 0:
            self.save()

    def save(self) -> None:
        """Write the file whole."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}.tmp")
        temporary.write_text(json.dumps(self.known, sort_keys=True))
        os.replace(temporary, self.path)
