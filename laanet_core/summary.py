"""One line that says what became of a data set's videos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from laanet_core.status import Status


def summarise(label: str, rows: Iterable[Mapping[str, Any]]) -> str:
    """`label: 12 videos, 10 ok, 1 unreadable, 1 no_face`, counted from the rows' `status`."""
    counts = Counter(str(row["status"]) for row in rows)
    parts = [f"{counts[status]} {status}" for status in Status if counts[status]]
    return ", ".join([f"{label}: {counts.total()} videos", *parts])
