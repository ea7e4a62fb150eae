"""Amounts of bytes as people write them."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from pathlib import Path

from laanet_core.errors import LaanetError

UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def in_words(n_bytes: int) -> str:
    """`1.5 GB` of a number of bytes."""
    for unit in ("TB", "GB", "MB", "KB"):
        if n_bytes >= UNITS[unit]:
            return f"{n_bytes / UNITS[unit]:.1f} {unit}"
    return f"{n_bytes} bytes"


def in_bytes(text: str) -> int:
    """Bytes of an amount such as `50GB`, `1.5 TB` or `1000`; raises LaanetError for anything else."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(I?)B?", text.strip().upper())
    if not match:
        raise LaanetError(f"'{text}' is no amount of bytes; write one such as 500MB or 50GB.")
    unit = UNITS[f"{match[2]}B"]
    return round(float(match[1]) * (1024 ** round(math.log(unit, 1000)) if match[3] else unit))


def folder_bytes(folder: Path) -> int:
    """Bytes of all files and folders in a folder, itself among them and each once, as `du --apparent-size` counts; 0 where it is not there.

    What another process removes meanwhile is not counted.
    """
    return sum({(facts.st_dev, facts.st_ino): facts.st_size for facts in _facts_within(folder)}.values())


def _facts_within(folder: Path) -> Iterator[os.stat_result]:
    for parent, folders, files in os.walk(folder):
        for path in [Path(parent), *(Path(parent) / name for name in [*folders, *files])]:
            try:
                yield path.lstat()
            except FileNotFoundError:
                continue
