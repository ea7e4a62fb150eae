"""What a user does by hand after a run was cut off, before `dvc repro`: git as it was, and no process left of the old run."""

from __future__ import annotations

import os
import signal
import time

from tests.chaos.processes import command_of, inside
from tests.project import Project

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
