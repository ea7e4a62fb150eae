"""Score CSVs of made-up detectors, and `laanet compare` run on them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from typer.testing import CliRunner

from laanet_core.cli import app
from tests.helpers.project import table

COLUMNS = ["video_id", "method", "label", "split", "n_frames", "score", "status", "mask_ssim", "bin", "reason"]
"""Columns of scores.csv, as written by the evaluation."""

Rows = list[dict[str, Any]]


class Done(NamedTuple):
    """Exit status and output of a command."""

    status: int
    out: str
    err: str


def scored(seed: int, skill: float, reals: int = 30, fakes: int = 40) -> Rows:
    """Rows of a detector whose mean logits of reals and fakes differ by `skill`; the same videos are difficult for every seed."""
    hard, own = np.random.default_rng(99).normal(size=reals + fakes), np.random.default_rng(seed).normal(size=reals + fakes)
    rows = []
    for number, noise in enumerate(hard + own):
        label = int(number >= reals)
        score = round(float(1 / (1 + np.exp(-(noise + skill * (label - 0.5))))), 6)
        about = {"method": ("poisson", "feather")[number % 2], "mask_ssim": round(0.7 + 0.005 * (number - reals), 4)} if label else {}
        rows.append({"video_id": f"test/{number:03d}", "label": label, "split": "test", "score": score, "status": "ok", **about})
    return rows


def write_scores(path: Path, rows: Rows, columns: Sequence[str] = COLUMNS) -> Path:
    """Write these columns of the rows as CSV; missing values are empty."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def compare(*words: object, columns: int = 140) -> Done:
    """Run `laanet compare` with these arguments in a terminal of `columns` columns."""
    result = CliRunner(env={"COLUMNS": str(columns)}).invoke(app, ["compare", *map(str, words)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Done(result.exit_code, result.stdout, result.stderr)


def sentence(*words: object) -> str:
    """The one-line error of `laanet compare` for these arguments."""
    done = compare(*words)
    assert done.status == 1
    assert done.err.startswith("error: ")
    assert done.err.endswith(".\n")
    assert done.err.count("\n") == 1
    return done.err


def estimates(out: Path, by: str = "all", group: str = "all") -> dict[tuple[str, str], dict[str, float | None]]:
    """Rows of comparison.csv for one group, by detector and measure."""
    rows = [row for row in table(out / "comparison.csv") if (row["by"], row["group"]) == (by, group)]
    words = ("detector", "by", "group", "measure")
    return {
        (row["detector"], row["measure"]): {key: float(cell) if cell else None for key, cell in row.items() if key not in words}
        for row in rows
    }
