"""Commands that change the project while a stage runs: nothing is written through a link, and no false record is made."""

from __future__ import annotations

import fcntl
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from laanet_core.store.artefacts import read_account
from tests.chaos.cache import wrong_objects
from tests.helpers.processes import inside
from tests.helpers.project import Project

CHANGES: dict[str, tuple[str, Any, Any]] = {
    "demo": ("demo.crf", 20, 21),
    "frames@demo": ("frames.count.test", 2, 1),
    "crops@demo": ("crops.enlarge", 1.5, 1.6),
    "quality@demo": ("quality.forehead", 0.3, 0.2),
    "train": ("lambda2", 5, 7),
    "evaluate@demo": ("evaluate.threshold", 0.4, 0.3),
    "robustness": ("robustness.severities", [2], [1]),
    "report": ("evaluate.threshold", 0.4, 0.3),
}
"""Stage -> one of its parameters (for the report, of an earlier stage), and two values that differ from the committed one."""


def repro(stage: str) -> list[str]:
    return ["dvc", "repro"] if stage == "report" else ["dvc", "repro", "--force", "--single-item", "--no-run-cache", stage]


@pytest.mark.parametrize("stage", CHANGES)
def test_a_checkout_during_a_stage_does_not_damage_the_cache(project: Project, stage: str) -> None:
    key, value, _ = CHANGES[stage]
    before = project.lock()[stage]
    project.set({key: value})
    with project.paused(stage, *repro(stage)) as run:
        project.dvc("checkout", "--force")
    assert run.status == 0, run.output
    assert wrong_objects(project) == []
    after = project.lock()[stage]
    assert after["outs"] != before["outs"], "another value makes another output"
    assert "0 damaged" in project.run("laanet", "verify")


@pytest.mark.parametrize("stage", CHANGES)
def test_a_stage_fails_and_records_nothing_if_a_second_run_changes_its_parameter(project: Project, stage: str) -> None:
    key, value, other = CHANGES[stage]
    hashes = project.outputs()
    if stage == "report":
        project.set({key: value})
    with project.paused(stage, *repro(stage)) as run:
        before = (project.root / "dvc.lock").read_bytes()
        refused = project.dvc("exp", "run", "-S", f"{key}={json.dumps(other)}", succeeds=False)
    assert "busy" in refused
    assert run.status != 0
    sentence = f"error: dvc.lock: evaluate@demo ran with {key} = " if stage == "report" else f"error: params.yaml: {key} was "
    assert sentence in run.output, run.output
    assert "Traceback" not in run.output
    assert (project.root / "dvc.lock").read_bytes() == before
    assert wrong_objects(project) == []
    assert not list((project.root / ".staged").iterdir())
    project.run("git", "checkout", "--quiet", "--force", "HEAD")
    project.dvc("repro")
    assert project.outputs() == hashes
    assert "0 damaged" in project.run("laanet", "verify")


def test_a_stash_and_a_checkout_in_the_middle_of_the_training_fail_it_and_destroy_nothing(project: Project) -> None:
    project.set({"lambda2": 5})
    with project.paused("train", *repro("train")) as run:
        project.run("git", "stash")
        project.dvc("checkout", "--force")
    assert run.status != 0
    assert "params.yaml: lambda2 was 5 when this stage started and is 1 now" in run.output
    assert wrong_objects(project) == []
    project.run("git", "stash", "pop")
    assert "train: 12/12" in project.dvc("repro", "train"), "what was trained is kept, and its result taken now that all is as it was"
    assert read_account(project.root / "data/checkpoints/model.safetensors").params["lambda2"] == 5  # type: ignore[union-attr]


@pytest.mark.parametrize("how", ["edited", "stashed"])
def test_a_run_stops_at_the_next_stage_if_its_parameters_change(project: Project, how: str) -> None:
    """The running stage does not depend on the parameter, so its own check does not detect the change."""
    with project.paused("landmarks@demo", "dvc", "exp", "run", "-S", "crops.enlarge=1.5") as run:
        if how == "edited":
            project.set({"crops.enlarge": 1.25})
        else:
            project.run("git", "stash")
    assert run.status != 0
    assert "error: params.yaml: crops.enlarge was 1.5 when this run started and is 1.25 now" in run.output, run.output
    assert "Ran experiment" not in run.output


def test_a_report_of_inconsistent_stages_is_refused(project: Project) -> None:
    """An edit or `git stash` during a run leads to stages from different states of the project."""
    project.set({"demo.crf": 20})
    project.dvc("repro", "demo")
    project.run("git", "checkout", "params.yaml")
    refused = project.run("python", "-m", "stages.report", succeeds=False).strip()
    assert re.fullmatch(
        r"error: dvc\.lock: demo ran with demo\.crf = 20, params\.yaml has \d+; run 'dvc repro', or restore the parameter\.", refused
    )
    project.set({"demo.crf": 20})
    refused = project.run("python", "-m", "stages.report", succeeds=False).strip()
    assert (
        refused == "error: dvc.lock: index@demo used an outdated data/raw/demo.json, which demo has written again since; run 'dvc repro'."
    )


def test_a_stage_whose_input_is_replaced_meanwhile_fails(project: Project) -> None:
    landmarks = project.root / "data/landmarks/demo.h5"
    content = landmarks.read_bytes()
    with project.paused("train", *repro("train")) as run:
        landmarks.unlink()
        landmarks.write_bytes(content + b" ")
    assert run.status != 0
    assert "error: data/landmarks/demo.h5: was changed by another command while this stage ran" in run.output


@pytest.mark.parametrize(("first", "second"), [((10, 2), (70, 1)), ((70, 1), (10, 2))])
def test_two_concurrent_runs_leave_consistent_lock_run_cache_log_and_checkpoint(
    project: Project, first: tuple[int, int], second: tuple[int, int]
) -> None:
    one, two = (["dvc", "exp", "run", "-S", f"lambda2={weight}", "-S", f"train.epochs={epochs}"] for weight, epochs in (first, second))
    with project.paused("train", *one) as run:
        project.run(*two, succeeds=False)
    assert run.status != 0
    assert not inside(project.root), "nothing goes on running"
    assert "wrong" not in project.run("laanet", "verify")
    project.run("git", "checkout", "--quiet", "--force", "HEAD")
    for command, (weight, epochs) in ((two, second), (one, first)):
        project.run(*command)
        agree(project, weight, epochs)
        project.run("git", "checkout", "--quiet", "--force", "HEAD")
        project.dvc("checkout", "--force")
    assert wrong_objects(project) == []


def agree(project: Project, weight: int, epochs: int) -> None:
    """Check that params.yaml, dvc.lock, run cache, checkpoint, log and report agree about the training."""
    recorded = project.lock()["train"]["params"]["params.yaml"]
    assert (recorded["lambda2"], recorded["train"]["epochs"]) == (weight, epochs)
    for path in (project.root / "data/checkpoints/model.safetensors", project.root / "reports/training/made.json"):
        account = read_account(path)
        assert account is not None
        assert (account.params["lambda2"], account.params["train.epochs"]) == (weight, epochs)
    assert len((project.root / "reports/training/log.csv").read_text().splitlines()) == epochs + 1
    entries = [yaml.safe_load(path.read_text()) for path in (project.root / ".dvc/cache/runs").glob("??/*/*")]
    for entry in entries:
        if entry["cmd"] == "python -m stages.train":
            made = entry_account(project, entry)
            assert (entry["params"]["params.yaml"]["lambda2"], entry["params"]["params.yaml"]["train"]["epochs"]) == made
    assert "wrong" not in project.run("laanet", "verify")


def entry_account(project: Project, entry: dict[str, Any]) -> tuple[Any, Any]:
    """lambda2 and epochs of the training whose account an entry of the run cache has."""
    md5 = next(out["md5"] for out in entry["outs"] if out["path"] == "reports/training/made.json")
    account = read_account(project.root / ".dvc/cache/files/md5" / md5[:2] / md5[2:], suffix=".json")
    assert account is not None
    return account.params["lambda2"], account.params["train.epochs"]


def test_laanet_run_reports_which_command_uses_the_project_and_waits_for_it(project: Project) -> None:
    with project.paused("train", *repro("train")) as first:
        refused = project.run("laanet", "run", "--no-wait", "-S", "evaluate.threshold=0.4", succeeds=False)
        second = project.start("laanet", "run", "-S", "evaluate.threshold=0.4")
        line = second.stdout.readline()  # type: ignore[union-attr]
    held = f"this project is in use by 'dvc repro --force --single-item --no-run-cache train' (process {first.process.pid})"
    assert refused.startswith(f"error: {held}")
    assert line.startswith(f"{held}; waiting")
    output, _ = second.communicate(timeout=300)
    assert (first.status, second.returncode) == (0, 0), output
    assert project.metrics("demo/scoring.json")["threshold"] == 0.4


def test_a_stage_waits_for_another_dvc_command_before_it_publishes_its_outputs(project: Project) -> None:
    index = project.root / "data/index/demo.csv"
    index.unlink()
    with (project.root / ".dvc/tmp/lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = project.start("python", "-m", "stages.index", "demo")
        assert any(line == "waiting for another dvc command in this project to finish\n" for line in process.stdout)  # type: ignore[union-attr]
        assert not index.exists()
    assert process.wait(timeout=60) == 0
    assert index.exists()


def test_staged_outputs_of_a_killed_stage_are_removed_by_the_next_one(project: Project) -> None:
    command = repro("frames@demo")
    project.kill_when(command, lambda: any((project.root / ".staged").glob("frames@demo.*")))
    (project.root / ".dvc/tmp/rwlock").unlink(missing_ok=True)
    project.dvc(*command[1:])
    assert not list((project.root / ".staged").iterdir())


def test_folders_that_are_not_outputs_are_never_touched(project: Project) -> None:
    kept = project.root / "data/checkpoints.mine/model.safetensors"
    kept.parent.mkdir()
    kept.write_bytes(b"mine")
    project.dvc(*repro("train")[1:])
    assert kept.read_bytes() == b"mine"
    assert sorted(path.name for path in Path(project.root / "data/checkpoints").iterdir()) == ["last.safetensors", "model.safetensors"]
