"""CSV tables as written by every stage: fixed columns, \\n line ends, written atomically."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from laanet_core.errors import LaanetError
from laanet_core.store.writing import replacing


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a CSV atomically. rows: mappings with exactly these columns; None and NaN become empty cells."""
    with replacing(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(columns), lineterminator="\n", extrasaction="raise")
        writer.writeheader()
        for row in rows:
            writer.writerow({column: _cell(row[column]) for column in columns})


def read_table(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Read a CSV as strings; raises LaanetError if the file or one of `columns` is missing."""
    try:
        with path.open(newline="") as file:
            reader = csv.DictReader(file)
            missing = [column for column in columns if column not in (reader.fieldnames or [])]
            if missing:
                raise LaanetError(f"{path}: has no column '{missing[0]}' (found {reader.fieldnames}); rebuild it with 'dvc repro'.")
            return [dict(row) for row in reader]
    except FileNotFoundError:
        raise LaanetError(f"{path}: not found; build it with 'dvc repro'.") from None


def _cell(value: Any) -> Any:
    """Format a cell: floats in their shortest exact form, NaN and None as empty."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return repr(float(value)) if isinstance(value, float) else value
