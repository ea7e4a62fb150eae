"""The index: one row a video, with what it is, where it is and whom it pairs with."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, fields
from pathlib import Path

from laanet_core.errors import LaanetError
from laanet_core.store.csv_io import read_table, write_table


@dataclass(frozen=True)
class IndexRow:
    """One video of a data set.

    video_id: path inside the data set without suffix, unique; path: of a video, an image (one frame) or a folder of images, relative to
    the data set's root; label: 0 real, 1 fake; method: manipulation, or `real`; compression: c0, c23, c40 or empty; split: train, val or
    test; source_id: video_id of a fake's pristine video, else empty; person: name of the person whose face the video shows, unique
    within the data set, so that videos of one person share it, by default the video's own id; size_bytes, digest: of the file and its
    SHA-256, of a folder the sum of its files and the SHA-256 of their names and contents.
    """

    video_id: str
    path: str
    label: int
    method: str
    compression: str
    split: str
    source_id: str
    person: str
    size_bytes: int
    digest: str


STORED = ("points", "frames", "faces")
"""What the landmarks' HDF5 file has under a video's name."""
COLUMNS = [field.name for field in fields(IndexRow)]


def write_index(path: Path, rows: list[IndexRow]) -> None:
    """Write an index sorted by video_id; raises LaanetError for a repeated video_id or path, and for ids that collide."""
    ordered = sorted(rows, key=lambda row: row.video_id)
    for first, second in itertools.pairwise(ordered):
        if first.path == second.path:
            raise LaanetError(f"{first.path} is listed twice; remove one of the lines.")
        if first.video_id == second.video_id:
            raise LaanetError(f"{second.path} and {first.path} are both video '{first.video_id}'; rename one of them.")
    _refuse_collisions(ordered)
    write_table(path, COLUMNS, map(vars, ordered))


def _refuse_collisions(rows: list[IndexRow]) -> None:
    """Refuse a video whose name as a folder is what is stored of another: `x/points` in the HDF5 file, `x.tar/y` among the shards."""
    paths = {row.video_id: row.path for row in rows}
    for row in rows:
        parts = row.video_id.split("/")
        for depth in range(1, len(parts)):
            folder = "/".join(parts[:depth])
            other = folder if parts[depth] in STORED else folder.removesuffix(".tar") if folder.endswith(".tar") else ""
            if other in paths:
                raise LaanetError(f"{row.path} and {paths[other]} cannot both be stored under their names; rename one of them.")


def read_index(path: Path) -> list[IndexRow]:
    """Read an index; raises LaanetError when it is missing or malformed."""
    rows = read_table(path, COLUMNS)
    try:
        return [IndexRow(**{**row, "label": int(row["label"]), "size_bytes": int(row["size_bytes"])}) for row in rows]  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise LaanetError(f"{path}: malformed index ({error}); rebuild it with 'dvc repro'.") from None
