"""Data sets that come with a CSV: path, label and, where it has them, method, split, source, person."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from laanet_core.datasets.entry import Entry, stem
from laanet_core.datasets.files import inside, read_rows
from laanet_core.errors import LaanetError
from laanet_core.params import Split

COLUMNS = "the columns path, label (0 real, 1 fake) and, if wanted, method, split, source, person"

KNOWN = {"path", "label", "method", "split", "source", "person", "origin"}
"""Columns that are read, and the demo's note of where a clip is from."""


def read_listing(root: Path, name: str) -> list[Entry]:
    """Entries of `root/name`.

    Columns: path (a video, an image or a folder of images, relative to the root), label (0 real, 1 fake), method (default `real` or
    `fake`), split (default test), source (path of a fake's pristine video, itself a row), person (name of who is seen, the same in all
    of his or her videos). Raises LaanetError that names the line for anything else.
    """
    rows = read_rows(root / name, ["path", "label"], f"{name} with {COLUMNS}", f"give it a first line with {COLUMNS}")
    ignored = sorted({column for _, row in rows for column in row} - KNOWN)
    if ignored:
        print(f"{root / name}: columns that are not read: {', '.join(ignored)} (there are path, label, method, split, source, person)")
    entries = [_entry(root, row, where) for where, row in rows]
    labels = {entry.video_id: entry.label for entry in entries}
    for entry, (where, _) in zip(entries, rows, strict=True):
        if entry.source_id:
            _check_source(entry, labels, where)
    return entries


def _check_source(entry: Entry, labels: Mapping[str, int], where: str) -> None:
    """Refuse a source that is not there, a source that is a fake, and a real video's source."""
    if entry.label == 0:
        raise LaanetError(f"{where}: a real video has source '{entry.source_id}', and only a fake is made from another; leave it empty.")
    if entry.source_id not in labels:
        raise LaanetError(f"{where}: source '{entry.source_id}' is no row of the table; add it, or leave the source empty.")
    if labels[entry.source_id]:
        raise LaanetError(f"{where}: source '{entry.source_id}' is a fake itself; name the real video that this one was made from.")


def _entry(root: Path, row: Mapping[str, str], where: str) -> Entry:
    """One line's entry."""
    path = inside(root, row["path"], where)
    given = row["label"].strip()
    if given not in {"0", "1"}:
        raise LaanetError(f"{where}: label is {row['label']!r}; write 0 for real or 1 for fake.")
    label, split, source = int(given), row.get("split") or "test", row.get("source") or ""
    splits: tuple[Split, ...] = get_args(Split)
    if split not in splits:
        raise LaanetError(f"{where}: split is '{split}'; write one of {', '.join(splits)}.")
    method = row.get("method") or ("fake" if label else "real")
    source_id = stem(inside(root, source, where)) if source else ""
    return Entry(stem(path), path, label, method, splits[splits.index(split)], source_id=source_id, person=row.get("person") or "")
