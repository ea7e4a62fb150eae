"""The index of a data set: one row per video with its path, labels and source video."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, fields
from pathlib import Path

from laanet_core.errors import LaanetError
from laanet_core.store.csv_io import read_table, write_table


@dataclass(frozen=True)
class IndexRow:
    """One video of a data set.

    video_id: path inside the data set without suffix, unique; path: path of a video, an image (one frame) or a folder of images, relative
    to the data set's root; label: 0 real, 1 fake; method: manipulation, or `real`; compression: c0, c23, c40 or empty; split: train, val
    or test; source_id: video_id of a fake's source video (the real video it was made from), else empty; person: identifier of the person
    shown, shared by all videos of that person in the data set, by default the video_id; size_bytes, digest: size and SHA-256 of the file;
    for a folder, the total size of its files and the SHA-256 of their names and contents.
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
"""Names of the HDF5 objects stored under a video_id in the landmarks file."""
COLUMNS = [field.name for field in fields(IndexRow)]


def write_index(path: Path, rows: list[IndexRow]) -> None:
    """Write an index sorted by video_id; raises LaanetError for duplicate ids or paths, and for ids that collide in storage."""
    ordered = sorted(rows, key=lambda row: row.video_id)
    for first, second in itertools.pairwise(ordered):
        if first.path == second.path:
            raise LaanetError(f"{first.path} is listed twice; remove one of the lines.")
        if first.video_id == second.video_id:
            raise LaanetError(f"{second.path} and {first.path} have the same video id '{first.video_id}'; rename one of them.")
    _refuse_collisions(ordered)
    write_table(path, COLUMNS, map(vars, ordered))


def _refuse_collisions(rows: list[IndexRow]) -> None:
    """Raise LaanetError if the storage path of a video is inside that of another: given `x`, `x/points` in HDF5 and `x.tar/y` in shards."""
    paths = {row.video_id: row.path for row in rows}
    for row in rows:
        parts = row.video_id.split("/")
        for depth in range(1, len(parts)):
            folder = "/".join(parts[:depth])
            other = folder if parts[depth] in STORED else folder.removesuffix(".tar") if folder.endswith(".tar") else ""
            if other in paths:
                raise LaanetError(f"{row.path} and {paths[other]} cannot both be stored under their names; rename one of them.")


def read_index(path: Path) -> list[IndexRow]:
    """Read an index; raises LaanetError if it is missing or malformed."""
    rows = read_table(path, COLUMNS)
    try:
        return [IndexRow(**{**row, "label": int(row["label"]), "size_bytes": int(row["size_bytes"])}) for row in rows]  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise LaanetError(f"{path}: malformed index ({error}); rebuild it with 'dvc repro'.") from None
