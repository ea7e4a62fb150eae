"""The registry of folder layouts, and the index that is built with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import ModuleType

from laanet_core.datasets import cdf2, demo, dfd, dfdc, dfdcp, ffpp, folder
from laanet_core.datasets.entry import Entry
from laanet_core.datasets.index import IndexRow
from laanet_core.digests import DigestCache
from laanet_core.errors import LaanetError
from laanet_core.params import DatasetParams
from laanet_core.progress import Progress

LAYOUTS: dict[str, ModuleType] = {
    "cdf2": cdf2, "demo": demo, "dfd": dfd, "dfdc": dfdc, "dfdcp": dfdcp, "ffpp": ffpp, "folder": folder,
}  # fmt: skip


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
