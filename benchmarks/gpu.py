"""Run everything that needs a GPU in one command of at most nine minutes: `make bench-gpu`, or `python -m benchmarks.gpu`.

The GPU tests first, then training steps (B4 at 384 px and Lite0 at 224 px; eager, compiled, and without SAM), pseudo-fakes, and scoring.
Each part is a process of its own with a time limit, so that one that fails or hangs costs only itself. The table and
`results/gpu.json` have a row per part: finished, failed, stopped at its limit, or not started for want of time. Each benchmark writes its
own results as well (`results/*_cuda.json`).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from benchmarks.machine import describe_machine

RESULTS = Path(__file__).parent / "results"
SECONDS = 520
LINES_KEPT = 40


class Part(NamedTuple):
    """A command (arguments of Python) and the seconds after which it is stopped."""

    name: str
    command: list[str]
    limit_s: float


def parts() -> list[Part]:
    """All parts, the most important ones first."""
    train = ["-m", "benchmarks.train", "--device=cuda", "--rounds=1", "--steps=15"]
    lite = ["--backbone=tf_efficientnet_lite0", "--size=224", "--batch=64"]
    return [
        Part("tests", ["-m", "pytest", "-q", "tests/unit/training/test_gpu.py"], 180),
        Part("training steps, B4, 384 px", train, 180),
        Part("training steps, Lite0, 224 px", [*train, *lite, "--results=train_lite_cuda.json"], 120),
        Part("pseudo-fakes", ["-m", "benchmarks.synthesis", "--device=cuda", "--rounds=5"], 90),
        Part("scoring", ["-m", "benchmarks.evaluate", "--device=cuda", "--videos=4", "--rounds=2"], 120),
    ]


def run_parts(chosen: Sequence[Part], seconds: float) -> list[dict[str, Any]]:
    """Run parts one after the other within a total time; one row per part: name, outcome, seconds, and the last lines of its output."""
    end = time.monotonic() + seconds
    return [run_part(part, end - time.monotonic()) for part in chosen]


def run_part(part: Part, seconds_left: float) -> dict[str, Any]:
    """Run a part; its output goes to the terminal, too."""
    limit = min(part.limit_s, seconds_left)
    if limit <= 0:
        return {"part": part.name, "outcome": "not started: no time left", "seconds": 0.0, "output": []}
    print(f"bench-gpu: {part.name}, at most {limit:.0f} s", file=sys.stderr, flush=True)
    start = time.monotonic()
    try:
        done = subprocess.run(
            [sys.executable, *part.command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=limit, text=True, check=False
        )
        output, outcome = done.stdout, "finished" if done.returncode == 0 else f"failed with exit status {done.returncode}"
    except subprocess.TimeoutExpired as error:
        output, outcome = (error.stdout or b"").decode(errors="replace"), f"stopped after {limit:.0f} s"  # type: ignore[union-attr]
    print(output, flush=True)
    lines = output.splitlines()[-LINES_KEPT:]
    return {"part": part.name, "outcome": outcome, "seconds": round(time.monotonic() - start, 1), "output": lines}


def main() -> None:
    """Run all parts, print a table and write the results; exits with status 1 without a GPU or if a part did not finish."""
    parser = argparse.ArgumentParser(description="Run everything that needs a GPU, in at most nine minutes.")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"total time ({SECONDS})")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("bench-gpu: torch finds no GPU on this machine; run it on one that has a GPU.")
    rows = run_parts(parts(), options.seconds)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "gpu.json").write_text(json.dumps({"machine": describe_machine("cuda"), "parts": rows}, indent=1) + "\n")
    for row in rows:
        print(f"{row['part']:32}{row['seconds']:8.1f} s  {row['outcome']}")
    sys.exit(any(row["outcome"] != "finished" for row in rows))


if __name__ == "__main__":
    main()
