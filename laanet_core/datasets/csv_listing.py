"""Data sets described by a CSV with the columns path, label and optionally method, split, source, person."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from laanet_core.datasets.entry import LayoutEntry, stem
from laanet_core.datasets.files import inside, read_rows
from laanet_core.errors import LaanetError
from laanet_core.params import Split

COLUMNS = "the columns path, label (0 real, 1 fake) and optionally method, split, source, person"

KNOWN = {"path", "label", "method", "split", "source", "person", "origin"}
"""Columns that are read, and `origin`, in which the demo notes where a clip comes from."""


def read_listing(root: Path, name: str) -> list[LayoutEntry]:
    """Read the entries in the CSV `root/name`.

    Columns: path (a video, an image or a folder of images, relative to the root), label (0 real, 1 fake), method (default `real` or
    `fake`), split (default test), source (path of a fake's source video, which must be a row too), person (identifier of the person shown,
    the same in all videos of that person). Raises LaanetError with the line number for invalid values.
    """
    rows = read_rows(root / name, ["path", "label"], f"{name} with {COLUMNS}", f"give it a first line with {COLUMNS}")
    ignored = sorted({column for _, row in rows for column in row} - KNOWN)
    if ignored:
        print(f"{root / name}: ignored columns: {', '.join(ignored)} (used are path, label, method, split, source, person)")
    entries = [_entry(root, row, where) for where, row in rows]
    labels = {entry.video_id: entry.label for entry in entries}
    for entry, (where, _) in zip(entries, rows, strict=True):
        if entry.source_id:
            _check_source(entry, labels, where)
    return entries


def _check_source(entry: LayoutEntry, labels: Mapping[str, int], where: str) -> None:
    """Raise LaanetError if a real video has a source, or if the source of a fake is missing or a fake itself."""
    if entry.label == 0:
        raise LaanetError(f"{where}: a real video has source '{entry.source_id}', but only fakes have a source; leave it empty.")
    if entry.source_id not in labels:
        raise LaanetError(f"{where}: source '{entry.source_id}' is not a row of the table; add it, or leave the source empty.")
    if labels[entry.source_id]:
        raise LaanetError(f"{where}: source '{entry.source_id}' is a fake itself; name the real video that this one was made from.")


def _entry(root: Path, row: Mapping[str, str], where: str) -> LayoutEntry:
    """Create the entry of one line."""
    path = inside(root, row["path"], where)
    label_text = row["label"].strip()
    if label_text not in {"0", "1"}:
        raise LaanetError(f"{where}: label is {row['label']!r}; write 0 for real or 1 for fake.")
    label, split, source = int(label_text), row.get("split") or "test", row.get("source") or ""
    splits: tuple[Split, ...] = get_args(Split)
    if split not in splits:
        raise LaanetError(f"{where}: split is '{split}'; write one of {', '.join(splits)}.")
    method = row.get("method") or ("fake" if label else "real")
    source_id = stem(inside(root, source, where)) if source else ""
    return LayoutEntry(stem(path), path, label, method, splits[splits.index(split)], source_id=source_id, person=row.get("person") or "")
