"""Amounts of bytes as people write them."""

from __future__ import annotations

import math
import re

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
