"""Celeb-DF v1 and v2 (Li et al., 2020): the videos in the test list and the source videos of its fakes."""

from __future__ import annotations

from pathlib import Path

from laanet_core.datasets.entry import Layout, LayoutEntry, stem
from laanet_core.datasets.files import inside, read_text
from laanet_core.errors import LaanetError
from laanet_core.params import DatasetParams, Split

TREE = "Celeb-real/id0_0000.mp4, YouTube-real/00000.mp4, Celeb-synthesis/id0_id1_0000.mp4 and List_of_testing_videos.txt"
LIST = "List_of_testing_videos.txt"


def find(root: Path, params: DatasetParams) -> list[LayoutEntry]:
    """List the videos in the test list (split test), and unlisted source videos of its fakes that exist (split train).

    Raises LaanetError if the list is missing or a line is not `1 path` (real) or `0 path` (fake).
    """
    listed = _listed(root)
    sources = {stem(source): source for path, label in listed if label and (source := source_path(path))}
    entries = [_entry(path, label, "test") for path, label in listed]
    listed_ids = {entry.video_id for entry in entries}
    unlisted = [path for name, path in sorted(sources.items()) if name not in listed_ids and (root / path).is_file()]
    return entries + [_entry(path, 0, "train") for path in unlisted]


def source_path(fake: str) -> str:
    """Return the path of a fake's source video: `Celeb-synthesis/idA_idB_NNNN.mp4` -> `Celeb-real/idA_NNNN.mp4`; empty for other names."""
    parts = Path(fake).stem.split("_")
    return f"Celeb-real/{parts[0]}_{parts[2]}{Path(fake).suffix}" if len(parts) == 3 else ""


def celebrity(path: str) -> str:
    """Return the person in a real video: `Celeb-real/idA_NNNN.mp4` -> `Celeb-real/idA`; empty for YouTube-real, which names nobody."""
    return stem(path).rpartition("_")[0] if path.startswith("Celeb-real/") else ""


def _listed(root: Path) -> list[tuple[str, int]]:
    """Read (path, label) from the test list, with label 0 real, 1 fake. The list has no header and uses 1 for real."""
    listed = []
    for number, line in enumerate(read_text(root / LIST, TREE).split("\n"), 1):
        flag, _, path = line.strip().partition(" ")
        if not line.strip():
            continue
        where = f"{root / LIST}, line {number}"
        if flag not in {"0", "1"}:
            raise LaanetError(f"{where}: found {line!r}; each line must be '1 path' for real or '0 path' for fake.")
        listed.append((inside(root, path.strip(), where), 1 - int(flag)))
    return listed


def _entry(path: str, label: int, split: Split) -> LayoutEntry:
    """Create the entry of one video."""
    source = stem(source_path(path)) if label and source_path(path) else ""
    return LayoutEntry(stem(path), path, label, "Celeb-synthesis" if label else "real", split, source_id=source, person=celebrity(path))


V1 = Layout(find, TREE, selective=True)
V2 = Layout(find, TREE, selective=True, published={"test real": 178, "test fake": 340})
