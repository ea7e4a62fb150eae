"""The registry of folder layouts, and the index that is built with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from laanet_core.datasets import celebdf, deepfakebench, demo, dfd, dfdc, dfdcp, dfw, ffpp, folder
from laanet_core.datasets.completeness import check_complete, tell_missing
from laanet_core.datasets.entry import Entry, Layout
from laanet_core.datasets.files import refuse_unwritable, videos_under
from laanet_core.datasets.index import IndexRow
from laanet_core.errors import LaanetError
from laanet_core.params import DatasetParams
from laanet_core.runtime.progress import Progress
from laanet_core.store.digests import DigestCache

LAYOUTS: dict[str, Layout] = {
    "cdf1": celebdf.V1,
    "cdf2": celebdf.V2,
    "deepfakebench": deepfakebench.LAYOUT,
    "demo": demo.LAYOUT,
    "dfd": dfd.LAYOUT,
    "dfdc": dfdc.LAYOUT,
    "dfdcp": dfdcp.LAYOUT,
    "dfw": dfw.LAYOUT,
    "ffpp": ffpp.LAYOUT,
    "folder": folder.LAYOUT,
}


def build_index(name: str, params: DatasetParams, cache: Path) -> list[IndexRow]:
    """Rows of data set `name` in `params.root`, read by `params.layout`, or the layout of the same name, or `folder`.

    cache: folder for the digests of files seen before, by size and modification time, so that a rescan reads no video.
    A listed video that is missing, empty or unreadable is a row too, of size 0 or with an empty digest; of an official data set such a
    video is told at once, unless `params.partial`.
    Raises LaanetError for an unknown layout, a missing folder, or a folder that is not as expected, with the tree expected.
    """
    layout, root = _layout(name, params), Path(params.root)
    expected = f"it should hold {layout.tree}; mend the path or the layout."
    if not root.is_dir():
        raise LaanetError(f"datasets.{name}.root: '{root}' is not a folder; {expected}")
    entries = layout.find(root, params)
    if not entries:
        raise LaanetError(f"datasets.{name}.root: no videos were found in '{root}'; {expected}")
    for entry in entries:
        refuse_unwritable("".join([entry.path, entry.method, entry.person]), str(root))
    if layout.official and not params.partial:
        check_complete(name, root, layout, entries)
    if layout.official and params.partial:
        tell_missing(name, root, entries)
    if layout.selective:
        _tell_left_out(name, root, entries)
    return _rows(name, root, entries, cache)


def is_cropped(name: str, params: DatasetParams) -> bool:
    """Whether the pictures of data set `name` are face crops already: `params.cropped`, else as its layout says."""
    return _layout(name, params).cropped if params.cropped is None else params.cropped


def _layout(name: str, params: DatasetParams) -> Layout:
    """The data set's layout; raises LaanetError for an unknown one, or a list that it does not read."""
    layout_name = params.layout or (name if name in LAYOUTS else "folder")
    if layout_name not in LAYOUTS:
        raise LaanetError(f"datasets.{name}.layout: '{layout_name}' is unknown; choose one of {', '.join(sorted(LAYOUTS))}.")
    if params.listing is not None and layout_name != "deepfakebench":
        raise LaanetError(
            f"datasets.{name}.listing: the layout '{layout_name}' reads no such list; remove it or set layout to deepfakebench."
        )
    return LAYOUTS[layout_name]


def _tell_left_out(name: str, root: Path, entries: Sequence[Entry]) -> None:
    """Print how many videos there are that no list names: thousands of training videos of Celeb-DF, or ones under a wrong name."""
    listed = {entry.path for entry in entries}
    count = sum(path not in listed for path in videos_under(root))
    if count:
        print(f"index of {name}: {count} other videos in {root} are in no list and were left out")


def _rows(name: str, root: Path, entries: Sequence[Entry], cache: Path) -> list[IndexRow]:
    """Index rows of entries: a source only where that is in the data set, a person always, size and digest from the file."""
    digests = DigestCache(cache / f"{name}.json")
    known = {entry.video_id for entry in entries}
    rows = []
    with Progress(f"index of {name}", total=len(entries)) as progress:
        for entry in entries:
            size, digest = digests.look_up(root / entry.path)
            source = entry.source_id if entry.source_id in known else ""
            facts = {**vars(entry), "source_id": source, "person": entry.person or entry.video_id}
            rows.append(IndexRow(**facts, size_bytes=size, digest=digest))
            progress.advance(entry.video_id)
    digests.save()
    return rows
