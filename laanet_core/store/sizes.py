"""Sizes in bytes, formatted for and parsed from people; disk usage of folders."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from pathlib import Path

from laanet_core.errors import LaanetError

UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def in_words(n_bytes: int) -> str:
    """Format a number of bytes, e.g. `1.5 GB`."""
    for unit in ("TB", "GB", "MB", "KB"):
        if n_bytes >= UNITS[unit]:
            return f"{n_bytes / UNITS[unit]:.1f} {unit}"
    return f"{n_bytes} bytes"


def in_bytes(text: str) -> int:
    """Parse a size such as `50GB`, `1.5 TB` or `1000` into bytes; raises LaanetError for any other text."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(I?)B?", text.strip().upper())
    if not match:
        raise LaanetError(f"'{text}' is not a size in bytes; write one such as 500MB or 50GB.")
    unit = UNITS[f"{match[2]}B"]
    return round(float(match[1]) * (1024 ** round(math.log(unit, 1000)) if match[3] else unit))


def folder_bytes(folder: Path) -> int:
    """Return the size of a folder in bytes, as `du --apparent-size` counts it (hard links once, folders included); 0 if it is missing.

    Files that another process removes meanwhile are not counted.
    """
    return sum({(info.st_dev, info.st_ino): info.st_size for info in _stat_all(folder)}.values())


def _stat_all(folder: Path) -> Iterator[os.stat_result]:
    for parent, folders, files in os.walk(folder):
        for path in [Path(parent), *(Path(parent) / name for name in [*folders, *files])]:
            try:
                yield path.lstat()
            except FileNotFoundError:
                continue
