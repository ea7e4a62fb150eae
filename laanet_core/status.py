"""Processing status of a video: every stage writes one for every row of the index."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """Outcome of a stage for one video; any value other than OK is accompanied by a reason in words."""

    OK = "ok"
    UNREADABLE = "unreadable"
    TOO_FEW_FRAMES = "too_few_frames"
    NO_FACE = "no_face"
    NO_LANDMARKS = "no_landmarks"
    NO_SOURCE = "no_source"


def summarise(label: str, rows: Iterable[Mapping[str, Any]]) -> str:
    """Count the `status` of rows: `label: 12 videos, 10 ok, 1 unreadable, 1 no_face`."""
    counts = Counter(str(row["status"]) for row in rows)
    parts = [f"{counts[status]} {status}" for status in Status if counts[status]]
    return ", ".join([f"{label}: {counts.total()} videos", *parts])
