"""Ctrl-C ends a run cleanly: one sentence, status 130, no child processes, and the same command resumes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time

import pytest

from tests.helpers.processes import inside
from tests.helpers.project import Project

GOES_ON = "finished work is kept; run the same command again to resume"


def interrupt(project: Project, stage: str, *words: str, wait_s: float) -> tuple[int, str]:
    """Start a stage and press Ctrl-C `wait_s` seconds after it began its work; return its status and output."""
    pause = project.pause_at_work("@".join([stage, *words]))
    process = project.start("python", "-m", f"stages.{stage}", *words, environment=pause.environment)
    pause.reached()
    pause.let_go()
    time.sleep(wait_s)
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=120)
    deadline = time.monotonic() + 10
    while inside(project.root) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not inside(project.root), "a child process is still running"
    return process.returncode, output


def test_an_interrupted_training_reports_its_step_and_resumes_there(project: Project) -> None:
    before = project.outputs()
    command = ["dvc", "repro", "--force", "--single-item", "--no-run-cache", "train"]
    pause = project.pause("os.rename", "/state-")
    process = project.start(*command, environment=pause.environment)
    pause.reached()
    os.killpg(process.pid, signal.SIGINT)
    pause.let_go()
    output, _ = process.communicate(timeout=120)
    found = re.search(rf"^train: interrupted at step (\d+) of 12; {GOES_ON}$", output, re.MULTILINE)
    assert found, output
    assert "Traceback" not in output
    assert "failed to reproduce 'train'" in output  # the status that DVC gives is its shell's
    assert f"train: going on at step {found[1]} of 12" in project.dvc(*command[1:])
    assert project.outputs() == before


@pytest.mark.parametrize("stage", ["frames", "crops", "landmarks", "quality", "evaluate", "robustness"])
def test_an_interrupted_stage_says_so_in_one_sentence_and_keeps_what_is_finished(project: Project, stage: str) -> None:
    before, words = project.outputs(), [] if stage == "robustness" else ["demo"]
    shutil.rmtree(project.root / ".work" / stage)
    status, output = interrupt(project, stage, *words, wait_s=0.2)
    assert status == 130, output
    assert "Traceback" not in output
    assert re.search(rf"interrupted.*; {GOES_ON}$", output.strip()), output
    assert not list((project.root / ".staged").iterdir())
    project.dvc("repro", "--force", "--single-item", "--no-run-cache", "@".join([stage, *words]))
    assert project.outputs() == before


def test_an_interrupted_command_is_one_word_and_status_130(project: Project) -> None:
    pause = project.pause_at_work("train")
    process = project.start("laanet", "run", "-S", "lambda2=3", environment=pause.environment)
    pause.reached()
    waiting = project.start("laanet", "run", "-S", "lambda2=4")
    assert "; waiting for it to end" in waiting.stdout.readline()  # type: ignore[union-attr]
    os.killpg(waiting.pid, signal.SIGINT)
    assert waiting.communicate(timeout=60)[0] == "interrupted\n"
    assert waiting.returncode == 130
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert re.search(rf"interrupted.*; {GOES_ON}", output), output
    assert "Traceback" not in output


def test_a_stage_that_is_interrupted_while_it_imports_its_libraries_says_so(project: Project) -> None:
    pause = project.pause("import", "torch")
    process = project.start("python", "-m", "stages.train", environment=pause.environment)
    pause.reached()
    os.killpg(process.pid, signal.SIGINT)
    pause.let_go()
    assert process.communicate(timeout=60)[0] == "interrupted before any work was done; run the same command again to start\n"
    assert process.returncode == 130
