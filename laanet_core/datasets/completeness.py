"""Whether a data set is all there: what its lists name against the folder, and their length against what was published."""

from __future__ import annotations

import stat
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from laanet_core.datasets.entry import Entry, Layout
from laanet_core.datasets.files import holds_images
from laanet_core.errors import LaanetError

FOLDERS_NAMED = 4


def check_complete(name: str, root: Path, layout: Layout, entries: Sequence[Entry]) -> None:
    """Raise LaanetError when videos of data set `name` are missing or empty, or are not as many as published.

    It says how many, which, and the tree expected. An empty file, as a copy that was cut off leaves them, counts as missing, and so does
    a folder without images.
    """
    remedy = f"copy the rest, or set datasets.{name}.partial to true to go on with what there is; it should hold {layout.tree}."
    missing = _missing(root, entries)
    if missing:
        raise LaanetError(
            f"datasets.{name}: {len(missing)} of {len(entries)} videos are missing or empty in '{root}' ({_by_folder(missing, entries)}), "
            f"the first is {missing[0].path}; {remedy}"
        )
    found = Counter(entry.kind for entry in entries) + Counter({"in all": len(entries)})
    if any(found[kind] != count for kind, count in layout.published.items()):
        published = ", ".join(f"{count} {kind}" for kind, count in layout.published.items())
        there = ", ".join(f"{count} {kind}" for kind, count in sorted(found.items()))
        raise LaanetError(f"datasets.{name}: '{root}' has {there}, and published were {published}; {remedy}")


def tell_missing(name: str, root: Path, entries: Sequence[Entry]) -> None:
    """Print how many of the videos that are listed a partial data set lacks, and where."""
    missing = _missing(root, entries)
    if missing:
        print(f"index of {name}: partial, {len(missing)} of {len(entries)} videos are missing or empty ({_by_folder(missing, entries)})")


def _missing(root: Path, entries: Sequence[Entry]) -> list[Entry]:
    return [entry for entry in entries if not _is_there(root / entry.path)]


def _is_there(path: Path) -> bool:
    """Whether there is a file that is not empty, or a folder with images."""
    try:
        facts = path.stat()
        return holds_images(path) if stat.S_ISDIR(facts.st_mode) else stat.S_ISREG(facts.st_mode) and facts.st_size > 0
    except OSError:
        return False


def _by_folder(missing: Sequence[Entry], entries: Sequence[Entry]) -> str:
    """How many are missing of which folders, the worst ones by name: `all 140 of a, 3 of 20 of b and more in 2 other folders`."""
    wanted, lost = Counter(map(_folder, entries)), Counter(map(_folder, missing))
    worst = lost.most_common(FOLDERS_NAMED)
    parts = [
        f"all {count} of {folder}" if count == wanted[folder] else f"{count} of {wanted[folder]} of {folder}" for folder, count in worst
    ]
    others = len(lost) - len(worst)
    return ", ".join(parts) + (f" and more in {others} other folders" if others else "")


def _folder(entry: Entry) -> str:
    return entry.path.rpartition("/")[0] or "the folder itself"
