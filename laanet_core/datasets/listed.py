"""Data sets that come with a CSV: path, label and, where it has them, method, split, source, person."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from laanet_core.datasets.entry import Entry, inside, stem
from laanet_core.errors import LaanetError
from laanet_core.params import Split
from laanet_core.tables import read_table


def read_listing(root: Path, name: str) -> list[Entry]:
    """Entries of `root/name`.

    Columns: path (relative to the root), label (0 real, 1 fake), method (default `real` or `fake`), split (default test),
    source (path of a fake's pristine video, itself a row), person (name of who is seen, the same in all of his or her videos).
    Raises LaanetError that names the line for anything else.
    """
    table = root / name
    rows = [(f"{table}, line {number}", row) for number, row in enumerate(read_table(table, ["path", "label"]), 2)]
    entries = [_entry(root, row, where) for where, row in rows]
    known = {entry.video_id for entry in entries}
    for entry, (where, _) in zip(entries, rows, strict=True):
        if entry.source_id and entry.source_id not in known:
            raise LaanetError(f"{where}: source '{entry.source_id}' is no row of the table; add it, or leave the source empty.")
    return entries


def _entry(root: Path, row: Mapping[str, str | None], where: str) -> Entry:
    """One line's entry."""
    path = inside(root, row["path"] or "", where)
    if row["label"] not in {"0", "1"}:
        raise LaanetError(f"{where}: label is {row['label']!r}; write 0 for real or 1 for fake.")
    label, split, source = int(row["label"]), row.get("split") or "test", row.get("source") or ""
    splits: tuple[Split, ...] = get_args(Split)
    if split not in splits:
        raise LaanetError(f"{where}: split is '{split}'; write one of {', '.join(splits)}.")
    method = row.get("method") or ("fake" if label else "real")
    source_id = stem(inside(root, source, where)) if source else ""
    return Entry(stem(path), path, label, method, splits[splits.index(split)], source_id=source_id, person=row.get("person") or "")
