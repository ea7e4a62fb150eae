"""Checks of a project after `dvc repro` has repaired it; each returns one sentence per violation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from tests.chaos.cache import run_cache, wrong_objects
from tests.chaos.reference import UNSTABLE, State, facts, inputs, read_state
from tests.chaos.running import run_anyway
from tests.helpers.processes import command_of, inside
from tests.helpers.project import Project

TEMPORARY = re.compile(r"\.tmp$|(^|[./])tmp[^/]*$|\.crashed$")


def check(project: Project, variant: str, states: dict[str, State]) -> list[str]:
    """Run all checks on a project that is up to date with a variant."""
    return [
        *check_state(project, states[variant]),
        *check_run_cache(project, states.values()),
        *check_cache(project),
        *check_verify(project),
        *check_leftovers(project),
        *check_locks(project),
        *check_git(project),
        *check_processes(project),
    ]


def check_state(project: Project, expected: State) -> list[str]:
    """Records and files must equal those of an undisturbed run."""
    found = read_state(project)
    wrong = [f"dvc.lock has other stages: {sorted(found.stages.keys() ^ expected.stages.keys())}"] * (
        found.stages.keys() != expected.stages.keys()
    )
    for name in sorted(found.stages.keys() & expected.stages.keys()):
        for part in ("cmd", "params", "deps", "outs"):
            is_, should = found.stages[name][part], expected.stages[name][part]
            if is_ != should:
                wrong.append(f"dvc.lock, {part} of {name}: {_difference(is_, should)}")
    for path, should in expected.files.items():
        is_ = found.files.get(path, "not in dvc.lock")
        if is_ == "gone" or (path not in UNSTABLE and is_ != should):
            wrong.append(f"{path} is not what an undisturbed run writes: {_difference(is_, should)}")
    return wrong


def _difference(is_: object, should: object) -> str:
    """Describe a difference briefly."""
    if isinstance(is_, str) and isinstance(should, str) and is_.startswith("{") and should.startswith("{"):
        is_, should = json.loads(is_), json.loads(should)
    if isinstance(is_, dict) and isinstance(should, dict):
        names = sorted(name for name in is_.keys() | should.keys() if is_.get(name) != should.get(name))
        shown = ", ".join(f"{name} is {is_.get(name)}, not {should.get(name)}" for name in names[:3])
        return shown + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"{str(is_)[:80]}, not {str(should)[:80]}"


def check_run_cache(project: Project, states: Iterable[State]) -> list[str]:
    """Entries of the run cache must have the outputs of an undisturbed run with the same command, parameters and dependencies."""
    known = {inputs(stage): stage["outs"] for state in states for stage in state.stages.values()}
    wrong = []
    for path, content in run_cache(project):
        name = path.relative_to(project.root)
        if not content:
            wrong.append(f"{name}: unreadable")
            continue
        entry = facts(content)
        should = known.get(inputs(entry))
        if should is not None and entry["outs"] != {out: should.get(out) for out in entry["outs"]}:
            wrong.append(f"{name}, of '{entry['cmd']}': {_difference(entry['outs'], should)}")
    return wrong


def check_cache(project: Project) -> list[str]:
    """The content of every object in DVC's cache must match its name."""
    return [f"object {name} of DVC's cache is damaged" for name in wrong_objects(project)]


def check_verify(project: Project) -> list[str]:
    """`laanet verify` must find nothing."""
    status, output = run_anyway(project, "laanet", "verify")
    if status == 0 and ", 0 damaged" in output:
        return []
    return [f"'laanet verify' exited with {status}: {' '.join(output.split())[-600:]}"]


def check_leftovers(project: Project) -> list[str]:
    """No temporary and no staged file may be left."""
    root = project.root
    wrong = [
        f"left behind: {path.relative_to(root)}"
        for path in sorted(root.rglob("*"))
        if TEMPORARY.search(path.name) and path.relative_to(root).parts[0] != ".git" and path != root / ".dvc/tmp"
    ]
    wrong += [f"left behind: {path.relative_to(root)}" for path in sorted(root.rglob(".staged/*"))]
    return wrong


def check_locks(project: Project) -> list[str]:
    """DVC's lock file must be readable and hold no locks."""
    path = project.root / ".dvc/tmp/rwlock"
    text = path.read_text() if path.exists() else "{}"
    try:
        held = any(json.loads(text).values())
    except ValueError:
        held = True
    return [f"left behind: .dvc/tmp/rwlock with {text[:300]}"] * held


def check_git(project: Project) -> list[str]:
    """git must be on a branch, without stashes, and without changes except to files that a run writes."""
    wrong = []
    written = {path for stage in read_state(project).stages.values() for path in stage["outs"]} | {"dvc.lock", "params.yaml"}
    for line in project.run("git", "status", "--porcelain=v1", "--no-renames", "--untracked-files=all").splitlines():
        path = line[3:].strip('"')
        if not any(path == one or path.startswith(f"{one}/") for one in written):
            wrong.append(f"git status: {line}")
    if not project.run("git", "branch", "--show-current").strip():
        wrong.append("git is at no branch")
    for what, command in (("stash", ["git", "stash", "list"]), ("reference", ["git", "for-each-ref", "refs/exps"])):
        wrong += [f"left behind in git, a {what}: {line}" for line in project.run(*command).splitlines()]
    return wrong


def check_processes(project: Project) -> list[str]:
    """No process may be running in the project."""
    return [f"process {pid} is still running: {command_of(pid)[:200]}" for pid in inside(project.root)]
