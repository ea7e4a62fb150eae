"""Celeb-DF v1 and v2 (Li et al., 2020): the videos of their test lists, and the pristine videos of their fakes."""

from __future__ import annotations

from pathlib import Path

from laanet_core.datasets.entry import Entry, Layout, stem
from laanet_core.datasets.files import inside, read_text
from laanet_core.errors import LaanetError
from laanet_core.params import DatasetParams, Split

TREE = "Celeb-real/id0_0000.mp4, YouTube-real/00000.mp4, Celeb-synthesis/id0_id1_0000.mp4 and List_of_testing_videos.txt"
LIST = "List_of_testing_videos.txt"


def find(root: Path, params: DatasetParams) -> list[Entry]:
    """The listed videos (split test), and of split train those that are there and not listed themselves, but a listed fake's source.

    Raises LaanetError when the list is missing or a line is not `1 path` (real) or `0 path` (fake).
    """
    listed = _listed(root)
    sources = {stem(source): source for path, label in listed if label and (source := source_path(path))}
    entries = [_entry(path, label, "test") for path, label in listed]
    known = {entry.video_id for entry in entries}
    unlisted = [path for name, path in sorted(sources.items()) if name not in known and (root / path).is_file()]
    return entries + [_entry(path, 0, "train") for path in unlisted]


def source_path(fake: str) -> str:
    """Path of a fake's pristine video, `Celeb-synthesis/idA_idB_NNNN.mp4` -> `Celeb-real/idA_NNNN.mp4`, or empty for another name."""
    parts = Path(fake).stem.split("_")
    return f"Celeb-real/{parts[0]}_{parts[2]}{Path(fake).suffix}" if len(parts) == 3 else ""


def celebrity(path: str) -> str:
    """Who is seen in a pristine video, `Celeb-real/idA_NNNN.mp4` -> `Celeb-real/idA`, or empty: YouTube-real names nobody."""
    return stem(path).rpartition("_")[0] if path.startswith("Celeb-real/") else ""


def _listed(root: Path) -> list[tuple[str, int]]:
    """Path and label (0 real, 1 fake) of each line of the test list, which has no header and writes 1 for real."""
    listed = []
    for number, line in enumerate(read_text(root / LIST, TREE).split("\n"), 1):
        flag, _, path = line.strip().partition(" ")
        if not line.strip():
            continue
        where = f"{root / LIST}, line {number}"
        if flag not in {"0", "1"}:
            raise LaanetError(f"{where}: found {line!r}; a line is '1 path' for real or '0 path' for fake.")
        listed.append((inside(root, path.strip(), where), 1 - int(flag)))
    return listed


def _entry(path: str, label: int, split: Split) -> Entry:
    """Entry of one video."""
    source = stem(source_path(path)) if label and source_path(path) else ""
    return Entry(stem(path), path, label, "Celeb-synthesis" if label else "real", split, source_id=source, person=celebrity(path))


V1 = Layout(find, TREE, selective=True)
V2 = Layout(find, TREE, selective=True, published={"test real": 178, "test fake": 340})
