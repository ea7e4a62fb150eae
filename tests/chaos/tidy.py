"""Manual cleanup by a user after an interrupted run, before `dvc repro`: restore git's state, end leftover processes."""

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
"""Seconds within which processes must end by themselves after dvc has ended."""


def tidy(project: Project, branch: str) -> list[str]:
    """Undo what a killed or refused `dvc exp run`, or a stash with conflicts, leaves in git; return what was undone.

    A stale index.lock is removed, as git suggests; staged changes (dvc exp run stages params.yaml) are unstaged; files with conflicts (of
    `git stash pop`) are restored from the commit; a detached HEAD is returned to its branch; stashes are dropped; references of
    experiments are removed, including those of a running experiment (refs/exps/exec, refs/exps/stash). Outputs, DVC's cache and locks and
    the work folder are not touched: `dvc repro` must repair those.
    """
    done = []
    lock = project.root / ".git/index.lock"
    if lock.exists():
        lock.unlink()
        done.append("removed .git/index.lock")
    conflicts = project.run("git", "diff", "--name-only", "--diff-filter=U").split()
    if _staged(project):
        project.run("git", "reset", "--quiet")
        done.append("unstaged changes")
    if conflicts:
        project.run("git", "checkout", "--quiet", "HEAD", "--", *conflicts)
        done.append(f"restored from the commit after a conflict: {', '.join(conflicts)}")
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
    """Return whether git's index differs from the commit."""
    return bool(project.run("git", "diff", "--cached", "--name-only").strip())


def forget_dead_locks(project: Project) -> list[str]:
    """Remove .dvc/tmp/rwlock if it names only dead processes, after `dvc repro` has run despite them.

    DVC removes only the locks that it needs itself, with a warning. The others are harmless until another process gets the same id: then
    DVC refuses to run and asks the user to remove the file.
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
    """Kill the processes that did not end by themselves after dvc; return their command lines."""
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
