"""A short chaos run harms no result, and the checks of the harness detect harm (`make chaos` is the long run)."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.cache import objects, run_cache
from tests.chaos.checks import (
    check,
    check_cache,
    check_git,
    check_leftovers,
    check_locks,
    check_processes,
    check_run_cache,
    check_state,
    check_verify,
)
from tests.chaos.plan import KINDS, Event, plan
from tests.chaos.reference import State, read_state
from tests.chaos.results import is_sound, summary
from tests.chaos.running import Running
from tests.chaos.session import Outcome, Session
from tests.chaos.tidy import forget_dead_locks, tidy
from tests.chaos.variants import STAGES, VARIANTS, differing
from tests.helpers.damage import spoil
from tests.helpers.project import Project

SEED = 5
HARMFUL = ["kill_group", "kill_dvc", "interrupt", "stash_checkout", "second_run", "edit_params", "full_disk", "flip_byte"]
MEDIA = ["base", "frames"]
UNTIL = "quality@demo"
CROPS = "data/crops/demo"


@pytest.fixture(scope="module")
def state(built: Project) -> State:
    """State of the undisturbed project."""
    return read_state(built)


@pytest.fixture
def event() -> Event:
    """An arbitrary event."""
    return plan(SEED, 1)[0]


def test_random_events_harm_no_result(built: Project, tmp_path: Path) -> None:
    lines: list[str] = []
    session = Session(tmp_path, built, MEDIA, UNTIL, lines.append)
    outcomes = [session.play(event) for event in plan(SEED, len(HARMFUL), HARMFUL, MEDIA, UNTIL)]
    at_the_end = session.settle()
    assert is_sound(outcomes, at_the_end), "\n".join([*lines, *at_the_end])
    assert sum(outcome.met for outcome in outcomes) > len(outcomes) // 2, lines
    session.states[MEDIA[-1]].stages["crops@demo"]["outs"][CROPS] = "0" * 32
    assert any(f"dvc.lock, outs of crops@demo: {CROPS}" in sentence for sentence in check(session.project, MEDIA[-1], session.states))


def test_the_same_seed_gives_the_same_events_and_a_longer_run_begins_with_them() -> None:
    events = plan(7, 40)
    assert events == plan(7, 40) == plan(7, 60)[:40]
    assert events != plan(8, 40)
    assert [event.number for event in events] == list(range(1, 41))


def test_all_kinds_are_equally_frequent_and_every_event_hits_a_stage_that_has_to_run() -> None:
    events = plan(SEED, 10 * len(KINDS))
    assert Counter(event.kind for event in events) == dict.fromkeys(KINDS, 10)
    assert {event.variant for event in events} == set(VARIANTS)
    assert {event.start for event in events} == {"repro", "exp"}
    assert {event.stage for event in events} == set(STAGES) - {"index@demo"}
    assert all(event.stage in differing(event.variant, event.before, "report") and event.other != event.variant for event in events)
    assert [event.before for event in events[1:]] == [event.variant for event in events[:-1]]


def test_an_event_waits_for_its_time_and_detects_that_the_run_has_ended(event: Event, project: Project, tmp_path: Path) -> None:
    event = replace(event, stage="train", from_start=False, delay_s=0.2)
    script = "sleep .3; echo \"Running stage 'train':\"; sleep {}"
    run = Running(project, ["sh", "-c", script.format(5)], tmp_path / "log")
    assert run.wait_for(event)
    assert "train" in run.output
    run.process.kill()
    assert not Running(project, ["sh", "-c", script.format(0)], tmp_path / "log").wait_for(event)
    assert not Running(project, ["true"], tmp_path / "log").wait_for(event), "the stage never ran"


def test_nothing_is_found_in_an_undisturbed_project(project: Project, state: State) -> None:
    assert check(project, "base", {"base": state}) == []


def change_lock(project: Project) -> None:
    lock = project.root / "dvc.lock"
    lock.write_text(lock.read_text().replace(project.outputs()[CROPS], "0" * 32))


def change_output(project: Project) -> None:
    path = project.root / CROPS / "videos.csv"
    text = path.read_text()
    path.unlink()
    path.write_text(text + "\n")


def add_to_output(project: Project) -> None:
    (project.root / CROPS / "more.csv").touch()


def remove_output(project: Project) -> None:
    (project.root / "reports/index.html").unlink()


@pytest.mark.parametrize("plant", [change_lock, change_output, add_to_output, remove_output])
def test_a_wrong_record_or_output_is_found(project: Project, state: State, plant: Callable[[Project], None]) -> None:
    plant(project)
    assert check_state(project, state)


def test_a_wrong_entry_in_the_run_cache_is_found(project: Project, state: State) -> None:
    path = next(path for path, entry in run_cache(project) if entry["cmd"] == "python -m stages.crops demo")
    assert check_run_cache(project, [state]) == []
    path.write_text(path.read_text().replace(project.outputs()[CROPS], "0" * 32))
    assert len(check_run_cache(project, [state])) == 1
    path.write_text("cmd: [")
    assert check_run_cache(project, [state]) == [f"{path.relative_to(project.root)}: unreadable"]


def test_a_damaged_object_is_found_and_verify_names_it(project: Project) -> None:
    name, path = next((name, path) for name, path in objects(project).items() if path.stat().st_size)
    spoil(path, 0.5)
    assert check_cache(project) == [f"object {name} of DVC's cache is damaged"]
    assert "damaged" in check_verify(project)[0]


@pytest.mark.parametrize(
    "name", [".work/frames/demo/ab/abc.1.2.tmp", ".staged/crops", "data/frames/.staged/x", ".dvc/cache/files/md5/ab/.x.tmp"]
)
def test_leftover_files_are_found(project: Project, name: str) -> None:
    assert check_leftovers(project) == []
    path = project.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    assert check_leftovers(project) == [f"left behind: {name}"]


def test_a_lock_is_found_and_removed_only_if_its_process_is_dead(project: Project) -> None:
    lock = project.root / ".dvc/tmp/rwlock"
    dead = subprocess.Popen(["true"])
    dead.wait()
    for text, left in ((f'{{"write": {{"/x": {{"pid": {dead.pid}, "cmd": "dvc"}}}}}}', 0), ('{"read": {"/x": [{"pid": 1}]}}', 1), ("{", 1)):
        lock.write_text(text)
        assert len(check_locks(project)) == 1
        forget_dead_locks(project)
        assert len(check_locks(project)) == left


def test_a_process_that_is_still_running_is_found(project: Project) -> None:
    assert check_processes(project) == []
    process = subprocess.Popen(["sleep", "60"], cwd=project.root / "data")
    try:
        assert check_processes(project) == [f"process {process.pid} is still running: sleep 60"]
    finally:
        process.kill()
        process.wait()


def test_leftovers_of_an_interrupted_experiment_in_git_are_found_and_removed_without_touching_outputs(
    project: Project, state: State
) -> None:
    branch = project.run("git", "branch", "--show-current").strip()
    project.set({"lambda2": 3})
    project.run("git", "stash")
    project.set({"lambda2": 4})
    project.run("git", "add", "params.yaml")
    project.run("git", "checkout", "--quiet", "--detach")
    project.run("git", "update-ref", "refs/exps/exec/EXEC_HEAD", "HEAD")
    (project.root / ".git/index.lock").touch()
    assert len(check_git(project)) == 3
    assert len(tidy(project, branch)) == 5
    assert check_git(project) == []
    assert check_state(project, state) == []
    (project.root / "left.txt").touch()
    assert check_git(project) == ["git status: ?? left.txt"]


def test_the_result_is_not_sound_after_any_finding_or_if_no_event_met_a_run(event: Event) -> None:
    met, other = Outcome(event, met=True, status=1), Outcome(event, met=False)
    assert is_sound([met, other], [])
    assert not is_sound([other], [])
    assert not is_sound([met], ["at the end: something"])
    found = Outcome(event, met=True, findings=["object abc has other bytes"])
    assert not is_sound([met, found], [])
    report = summary([met, found], [])
    assert (report["sound"], report["events"], report["by_kind"][event.kind]["not_as_it_must_be"]) == (False, 2, 1)
    assert report["by_kind"][event.kind]["run_ended_otherwise_than_0"] == 1
    assert report["not_as_it_must_be"][0]["found"] == ["object abc has other bytes"]
