"""Outputs replaced by git between the end of a stage and DVC's record: wrong files are not used but created again."""

from __future__ import annotations

import os
import re
import signal
import time

import pytest
import yaml

from laanet_core.store.tracked import output_digest, read_tracked, tracked_path
from tests.helpers.processes import inside
from tests.helpers.project import Project, Run

TRACKED = {"train": "reports/training", "evaluate@demo": "reports/demo", "robustness": "reports/robustness.csv", "report": "reports/tables"}
"""Stage -> location of its git-tracked outputs."""
CHANGES = {"train": ("lambda2", 10), "evaluate@demo": ("evaluate.threshold", 0.3), "robustness": ("robustness.severities", [2])}


def replace_by_git(project: Project, stage: str, *command: str) -> Run:
    """Run a command; when a stage has ended but dvc has not yet noticed, let git restore the files of the commit."""
    pause = project.pause_at_work(stage)
    run = Run(project.start(*command, environment=pause.environment))
    pid = pause.reached()
    os.kill(run.process.pid, signal.SIGSTOP)
    pause.let_go()
    try:
        deadline = time.monotonic() + 120
        while pid in inside(project.root):
            assert time.monotonic() < deadline, "the stage never ended"
            time.sleep(0.01)
        project.run("git", "checkout", "HEAD", "--", TRACKED[stage])
    finally:
        os.kill(run.process.pid, signal.SIGCONT)
        run.output, _ = run.process.communicate(timeout=300)
    return run


def test_every_stage_with_git_tracked_outputs_saves_their_digests_in_another_output(built: Project) -> None:
    definition = yaml.safe_load((built.root / "dvc.yaml").read_text())["stages"]
    for name, stage in built.lock().items():
        stated = definition[name.partition("@")[0]]
        stated = stated.get("do", stated)
        entries = [entry for part in ("outs", "metrics", "plots") for entry in stated.get(part, []) if isinstance(entry, dict)]
        tracked = [path.replace("${key}", "demo") for entry in entries for path, options in entry.items() if not options.get("cache", True)]
        recorded = {out["path"]: out["md5"] for out in stage["outs"]}
        assert (tracked_path(name) in recorded) == bool(tracked), name
        if tracked:
            assert read_tracked(built.root / tracked_path(name)) == {path: recorded[path] for path in tracked}


@pytest.mark.parametrize("stage", CHANGES)
def test_outputs_that_git_replaced_before_dvc_recorded_them_are_created_again(project: Project, stage: str) -> None:
    key, value = CHANGES[stage]
    project.set({key: value})
    run = replace_by_git(project, stage, "dvc", "repro")
    assert run.status != 0
    assert "error: reports/" in run.output
    assert "is not the file that its stage wrote; another command, such as 'git stash', replaced it. Run 'dvc repro' again." in run.output
    wrong = project.run("laanet", "verify", succeeds=False)
    assert re.search(rf"wrong: dvc\.lock, stage {stage}: .*the stage wrote different versions of reports/", wrong)
    output = project.dvc("repro")
    assert f"dvc.lock recorded different files than stage {stage} wrote (reports/" in output
    assert "they are removed, and the stage runs again" in output
    stated = read_tracked(project.root / tracked_path(stage))
    assert stated == {path: output_digest(project.root / path) for path in stated}
    assert stated == {path: project.outputs()[path] for path in stated}
    assert "0 damaged" in project.run("laanet", "verify")
    assert project.lock()[stage]["outs"] != yaml.safe_load(project.run("git", "show", "HEAD:dvc.lock"))["stages"][stage]["outs"]
    assert "recorded different files" not in project.dvc("repro")


def test_a_training_recorded_with_another_log_is_not_taken_from_the_run_cache(project: Project) -> None:
    project.set({"lambda2": 10})
    replace_by_git(project, "train", "dvc", "repro", "train")
    project.run("git", "checkout", "--", "dvc.lock", "params.yaml", "reports")
    project.dvc("checkout", "--force")
    assert any("lambda2: 10\n" in path.read_text() for path in (project.root / ".dvc/cache/runs").glob("??/*/*"))
    output = project.dvc("exp", "run", "-S", "lambda2=10", "train")
    assert "DVC's run cache recorded different files than 'python -m stages.train' wrote (reports/training/log.csv" in output
    assert read_tracked(project.root / tracked_path("train"))["reports/training/log.csv"] == project.outputs()["reports/training/log.csv"]
