"""Numbers with nouns, for messages."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, e.g. `1 epoch` or `2 epochs`; the plural is formed with an s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
