"""DeepFake Detection Challenge (Dolhansky et al., 2020): its test set with labels.csv, or train parts with metadata.json."""

from __future__ import annotations

from pathlib import Path

from laanet_core.datasets.entry import Layout, LayoutEntry, stem
from laanet_core.datasets.files import inside, read_json_table, read_rows
from laanet_core.errors import LaanetError
from laanet_core.params import DatasetParams

TREE = (
    "labels.csv (filename, label) with the videos next to it or in videos/; or metadata.json next to videos, in the folder or in its parts"
)
LABELS, METADATA, METHOD = "labels.csv", "metadata.json", "DFDC"


def find(root: Path, params: DatasetParams) -> list[LayoutEntry]:
    """List the videos in labels.csv (split test) and in every metadata.json (split train), whose `original` is the source video.

    Raises LaanetError if a list is malformed or a label is unknown.
    """
    entries = _test_videos(root) if (root / LABELS).is_file() else []
    for metadata in sorted([*root.glob(METADATA), *root.glob(f"*/{METADATA}")]):
        entries += _part(root, metadata)
    return entries


def _test_videos(root: Path) -> list[LayoutEntry]:
    """List the videos in labels.csv, in which label 1 is fake."""
    entries = []
    folder = "videos/" if (root / "videos").is_dir() else ""
    for where, row in read_rows(root / LABELS, ["filename", "label"], TREE, "download it again"):
        if row["label"] not in {"0", "1"}:
            raise LaanetError(f"{where}: label is {row['label']!r}; it should be 0 or 1.")
        path = inside(root, folder + row["filename"], where)
        label = int(row["label"])
        entries.append(LayoutEntry(stem(path), path, label, METHOD if label else "real", "test"))
    return entries


def _part(root: Path, metadata: Path) -> list[LayoutEntry]:
    """List the videos in the metadata.json of one train part."""
    folder = metadata.parent.relative_to(root)
    entries = []
    for name, record in sorted(read_json_table(metadata, TREE).items()):
        where = f"{metadata}, record {name!r}"
        path = inside(root, (folder / name).as_posix(), where)
        if record.get("label") not in ("REAL", "FAKE"):
            raise LaanetError(f"{where}: label is {record.get('label')!r}; it should be REAL or FAKE.")
        label, original = int(record["label"] == "FAKE"), record.get("original") or ""
        source = stem((folder / str(original)).as_posix()) if label and original else ""
        entries.append(LayoutEntry(stem(path), path, label, METHOD if label else "real", "train", source_id=source))
    return entries


LAYOUT = Layout(find, TREE, selective=True)
