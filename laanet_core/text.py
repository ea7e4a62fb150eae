"""Numbers with what they count."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """`1 epoch`, `2 epochs`: a number and its noun, whose plural ends in s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
