"""What became of a video: every stage writes one of these for every row of the index."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """Outcome of a video in a stage; anything but OK comes with a reason in words."""

    OK = "ok"
    UNREADABLE = "unreadable"
    TOO_FEW_FRAMES = "too_few_frames"
    NO_FACE = "no_face"
    NO_LANDMARKS = "no_landmarks"
    NO_SOURCE = "no_source"


def summarise(label: str, rows: Iterable[Mapping[str, Any]]) -> str:
    """`label: 12 videos, 10 ok, 1 unreadable, 1 no_face`, counted from the rows' `status`."""
    counts = Counter(str(row["status"]) for row in rows)
    parts = [f"{counts[status]} {status}" for status in Status if counts[status]]
    return ", ".join([f"{label}: {counts.total()} videos", *parts])
