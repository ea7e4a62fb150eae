"""What a user does by hand after a run was cut off, before `dvc repro`: git as it was, and no process left of the old run."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

from tests.helpers.processes import command_of, inside
from tests.helpers.project import Project

PATIENCE_S = 20
"""How long processes have to end of themselves after dvc has."""


def tidy(project: Project, branch: str) -> list[str]:
    """Undo what a killed or declined `dvc exp run`, or a stash that met a conflict, leaves in git; returns what had to be undone.

    In order: a stale index.lock is removed, as git advises; staged changes (dvc exp run stages params.yaml) are taken back; a detached HEAD
    returns to its branch; files with conflicts (of `git stash pop`) are taken from the commit; the stash is dropped; references of
    experiments are removed, with those that DVC keeps for an experiment under way (refs/exps/exec, refs/exps/stash). No output, no object
    of DVC's cache, no lock of DVC and nothing in the work folder is touched: those have to be mended by `dvc repro`.
    """
    done = []
    lock = project.root / ".git/index.lock"
    if lock.exists():
        lock.unlink()
        done.append("removed .git/index.lock")
    conflicts = project.run("git", "diff", "--name-only", "--diff-filter=U").split()
    if _staged(project):
        project.run("git", "reset", "--quiet")
        done.append("took back what was staged")
    if conflicts:
        project.run("git", "checkout", "--quiet", "HEAD", "--", *conflicts)
        done.append(f"took from the commit, after a conflict: {', '.join(conflicts)}")
    if not project.run("git", "branch", "--show-current").strip():
        project.run("git", "checkout", "--quiet", "--force", branch)
        done.append(f"returned from a detached HEAD to {branch}")
    stashes = project.run("git", "stash", "list").splitlines()
    if stashes:
        project.run("git", "stash", "clear")
        done.append(f"dropped {len(stashes)} stashes")
    references = project.run("git", "for-each-ref", "--format=%(refname)", "refs/exps").split()
    for name in references:
        project.run("git", "update-ref", "-d", name)
    if references:
        done.append(f"removed {len(references)} references of experiments")
    return done


def _staged(project: Project) -> bool:
    """Whether git's index differs from the commit."""
    return bool(project.run("git", "diff", "--cached", "--name-only").strip())


def forget_dead_locks(project: Project) -> list[str]:
    """Take the names of processes that are gone out of .dvc/tmp/rwlock, once `dvc repro` has gone past them.

    DVC takes out only those that stand in its way, and warns of it. The others do no harm until another process gets their number: then DVC
    declines to run and asks the user to remove the file.
    """
    path = project.root / ".dvc/tmp/rwlock"
    try:
        locks: dict[str, dict[str, Any]] = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return []
    holders = [holder for files in locks.values() for held in files.values() for holder in (held if isinstance(held, list) else [held])]
    if not holders or any(Path(f"/proc/{holder['pid']}").exists() for holder in holders):
        return []
    path.unlink()
    return [f"removed .dvc/tmp/rwlock, where dead processes hold {sum(map(len, locks.values()))} files"]


def orphans(project: Project) -> list[str]:
    """Command lines of what did not end of itself when dvc did, and was killed now."""
    deadline = time.monotonic() + PATIENCE_S
    while inside(project.root) and time.monotonic() < deadline:
        time.sleep(0.1)
    found = []
    for pid in inside(project.root):
        found.append(command_of(pid))
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return found
