"""`make bench-gpu` loses no result: a part that fails or hangs is a row, and so is one for which no time is left."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from benchmarks import gpu
from benchmarks.gpu import Part, parts, run_parts
from tests.helpers.paths import ROOT


def test_each_part_is_a_row_whatever_becomes_of_it() -> None:
    chosen = [
        Part("good", ["-c", "print('figures')"], 30),
        Part("bad", ["-c", "import sys; print('reason', file=sys.stderr); sys.exit(3)"], 30),
        Part("hangs", ["-c", "import time; print('begun', flush=True); time.sleep(60)"], 2),
    ]
    good, bad, hangs = run_parts(chosen, 60)
    assert (good["outcome"], good["output"]) == ("finished", ["figures"])
    assert (bad["outcome"], bad["output"]) == ("failed with exit status 3", ["reason"])
    assert (hangs["outcome"], hangs["output"]) == ("stopped after 2 s", ["begun"])
    assert 2 <= hangs["seconds"] < 10


def test_the_total_time_is_kept() -> None:
    chosen = [Part("long", ["-c", "import time; time.sleep(60)"], 30), Part("late", ["-c", "print('never')"], 30)]
    long, late = run_parts(chosen, 1)
    assert long["outcome"] == "stopped after 1 s"
    assert late == {"part": "late", "outcome": "not started: no time left", "seconds": 0.0, "output": []}


def test_the_parts_fit_into_nine_minutes_and_begin_with_the_tests() -> None:
    assert gpu.SECONDS < 540
    assert parts()[0].name == "tests"


@pytest.mark.slow
@pytest.mark.parametrize("part", parts(), ids=lambda part: part.name)
def test_the_options_of_each_part_exist(part: Part) -> None:
    done = subprocess.run([sys.executable, *part.command, "--help"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shown = [word.partition("=")[0] for word in part.command if word.startswith("--")]
    assert all(option in done.stdout for option in shown)


def test_without_a_gpu_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["gpu"])
    with pytest.raises(SystemExit, match="torch finds no GPU on this machine"):
        gpu.main()
