"""Completeness check of a data set: its lists against the folder, and its number of videos against the published one."""

from __future__ import annotations

import stat
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from laanet_core.datasets.entry import Layout, LayoutEntry
from laanet_core.datasets.files import holds_images
from laanet_core.errors import LaanetError

FOLDERS_NAMED = 4


def check_complete(name: str, root: Path, layout: Layout, entries: Sequence[LayoutEntry]) -> None:
    """Raise LaanetError if videos of data set `name` are missing or empty, or their number differs from the published one.

    The message tells how many, which ones, and the expected folder tree. An empty file, as left by an interrupted copy, and a folder
    without images count as missing.
    """
    remedy = f"copy the rest, or set datasets.{name}.partial to true to continue without them; the folder should hold {layout.tree}."
    missing = _missing(root, entries)
    if missing:
        raise LaanetError(
            f"datasets.{name}: {len(missing)} of {len(entries)} videos are missing or empty in '{root}' ({_by_folder(missing, entries)}), "
            f"the first is {missing[0].path}; {remedy}"
        )
    found = Counter(entry.kind for entry in entries) + Counter({"in all": len(entries)})
    if any(found[kind] != count for kind, count in layout.published.items()):
        published = ", ".join(f"{count} {kind}" for kind, count in layout.published.items())
        existing = ", ".join(f"{count} {kind}" for kind, count in sorted(found.items()))
        raise LaanetError(f"datasets.{name}: '{root}' has {existing}, but the published data set has {published}; {remedy}")


def report_missing(name: str, root: Path, entries: Sequence[LayoutEntry]) -> None:
    """Print how many listed videos a partial data set lacks, by folder."""
    missing = _missing(root, entries)
    if missing:
        print(f"index of {name}: partial, {len(missing)} of {len(entries)} videos are missing or empty ({_by_folder(missing, entries)})")


def _missing(root: Path, entries: Sequence[LayoutEntry]) -> list[LayoutEntry]:
    return [entry for entry in entries if not _exists(root / entry.path)]


def _exists(path: Path) -> bool:
    """Return whether a path is a non-empty file or a folder with images."""
    try:
        info = path.stat()
        return holds_images(path) if stat.S_ISDIR(info.st_mode) else stat.S_ISREG(info.st_mode) and info.st_size > 0
    except OSError:
        return False


def _by_folder(missing: Sequence[LayoutEntry], entries: Sequence[LayoutEntry]) -> str:
    """Summarise missing videos by folder, most affected first: `all 140 in a, 3 of 20 in b and more in 2 other folders`."""
    totals, missing_by_folder = Counter(map(_folder, entries)), Counter(map(_folder, missing))
    worst = missing_by_folder.most_common(FOLDERS_NAMED)
    parts = [
        f"all {count} in {folder}" if count == totals[folder] else f"{count} of {totals[folder]} in {folder}" for folder, count in worst
    ]
    others = len(missing_by_folder) - len(worst)
    return ", ".join(parts) + (f" and more in {others} other folders" if others else "")


def _folder(entry: LayoutEntry) -> str:
    return entry.path.rpartition("/")[0] or "the top folder"
