"""Registry of the folder layouts, and construction of the index of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from laanet_core.datasets import celebdf, deepfakebench, demo, dfd, dfdc, dfdcp, dfw, ffpp, folder
from laanet_core.datasets.completeness import check_complete, report_missing
from laanet_core.datasets.entry import Layout, LayoutEntry
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
    """Build the index rows of data set `name` in `params.root`, by `params.layout`, or the layout of the same name, or `folder`.

    cache: folder for cached digests by size and modification time, so that a second scan reads no video.
    A listed video that is missing, empty or unreadable becomes a row with size 0 or an empty digest; in an official data set it is an
    error unless `params.partial` is set.
    Raises LaanetError for an unknown layout, a missing folder, or a folder with unexpected content, and describes the expected tree.
    """
    layout, root = _layout(name, params), Path(params.root)
    expected = f"it should hold {layout.tree}; correct the path or the layout."
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
        report_missing(name, root, entries)
    if layout.selective:
        _report_unlisted(name, root, entries)
    return _rows(name, root, entries, cache)


def is_cropped(name: str, params: DatasetParams) -> bool:
    """Return whether the images of data set `name` are face crops already: `params.cropped`, else the default of its layout."""
    return _layout(name, params).cropped if params.cropped is None else params.cropped


def layout_name(name: str, params: DatasetParams) -> str:
    """The name of a data set's layout: `params.layout`, else the data set's own name if a layout has it, else `folder`."""
    return params.layout or (name if name in LAYOUTS else "folder")


def _layout(name: str, params: DatasetParams) -> Layout:
    """Select the layout of a data set; raises LaanetError for an unknown one, or if it does not use `params.listing`."""
    chosen = layout_name(name, params)
    if chosen not in LAYOUTS:
        raise LaanetError(f"datasets.{name}.layout: '{chosen}' is unknown; choose one of {', '.join(sorted(LAYOUTS))}.")
    if params.listing is not None and chosen != "deepfakebench":
        raise LaanetError(f"datasets.{name}.listing: the layout '{chosen}' does not use a list; remove it or set layout to deepfakebench.")
    return LAYOUTS[chosen]


def _report_unlisted(name: str, root: Path, entries: Sequence[LayoutEntry]) -> None:
    """Print the number of unlisted videos: training videos of Celeb-DF, for example, or misnamed ones."""
    listed = {entry.path for entry in entries}
    count = sum(path not in listed for path in videos_under(root))
    if count:
        print(f"index of {name}: {count} other videos in {root} are not listed and were skipped")


def _rows(name: str, root: Path, entries: Sequence[LayoutEntry], cache: Path) -> list[IndexRow]:
    """Convert entries to index rows: drop sources that are not in the data set, fill in missing persons, add size and digest."""
    digests = DigestCache(cache / f"{name}.json")
    video_ids = {entry.video_id for entry in entries}
    rows = []
    with Progress(f"index of {name}", total=len(entries)) as progress:
        for entry in entries:
            size, digest = digests.look_up(root / entry.path)
            source = entry.source_id if entry.source_id in video_ids else ""
            fields = {**vars(entry), "source_id": source, "person": entry.person or entry.video_id}
            rows.append(IndexRow(**fields, size_bytes=size, digest=digest))
            progress.advance(entry.video_id)
    digests.save()
    return rows
