"""What must be true of a project once `dvc repro` has mended it; each check returns a sentence for each thing that is not."""

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
    """Everything that can be checked of a project that is up to date with a variant."""
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
    """Records and files are those of an undisturbed run."""
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
    """What differs, in few words."""
    if isinstance(is_, str) and isinstance(should, str) and is_.startswith("{") and should.startswith("{"):
        is_, should = json.loads(is_), json.loads(should)
    if isinstance(is_, dict) and isinstance(should, dict):
        names = sorted(name for name in is_.keys() | should.keys() if is_.get(name) != should.get(name))
        shown = ", ".join(f"{name} is {is_.get(name)}, not {should.get(name)}" for name in names[:3])
        return shown + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"{str(is_)[:80]}, not {str(should)[:80]}"


def check_run_cache(project: Project, states: Iterable[State]) -> list[str]:
    """No entry of the run cache has other outputs than an undisturbed run of the same command, parameters and dependencies."""
    known = {inputs(stage): stage["outs"] for state in states for stage in state.stages.values()}
    wrong = []
    for path, said in run_cache(project):
        name = path.relative_to(project.root)
        if not said:
            wrong.append(f"{name}: not to be read")
            continue
        entry = facts(said)
        should = known.get(inputs(entry))
        if should is not None and entry["outs"] != {out: should.get(out) for out in entry["outs"]}:
            wrong.append(f"{name}, of '{entry['cmd']}': {_difference(entry['outs'], should)}")
    return wrong


def check_cache(project: Project) -> list[str]:
    """Every object of DVC's cache is what its name says."""
    return [f"object {name} of DVC's cache has other bytes" for name in wrong_objects(project)]


def check_verify(project: Project) -> list[str]:
    """`laanet verify` is content."""
    status, output = run_anyway(project, "laanet", "verify")
    if status == 0 and ", 0 damaged" in output:
        return []
    return [f"'laanet verify' exited with {status}: {' '.join(output.split())[-600:]}"]


def check_leftovers(project: Project) -> list[str]:
    """No temporary file and nothing that was staged is left."""
    root = project.root
    wrong = [
        f"left behind: {path.relative_to(root)}"
        for path in sorted(root.rglob("*"))
        if TEMPORARY.search(path.name) and path.relative_to(root).parts[0] != ".git" and path != root / ".dvc/tmp"
    ]
    wrong += [f"left behind: {path.relative_to(root)}" for path in sorted(root.rglob(".staged/*"))]
    return wrong


def check_locks(project: Project) -> list[str]:
    """DVC's lock file can be read and names nobody."""
    path = project.root / ".dvc/tmp/rwlock"
    text = path.read_text() if path.exists() else "{}"
    try:
        held = any(json.loads(text).values())
    except ValueError:
        held = True
    return [f"left behind: .dvc/tmp/rwlock with {text[:300]}"] * held


def check_git(project: Project) -> list[str]:
    """git is on a branch, with nothing stashed, and nothing changed but what a run writes."""
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
    """Nothing works in the project any more."""
    return [f"process {pid} goes on: {command_of(pid)[:200]}" for pid in inside(project.root)]
