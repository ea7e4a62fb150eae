"""What git and DVC know of the project in the current folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from laanet_core.errors import LaanetError


class AtRevision(NamedTuple):
    """The bytes of a file at a revision, and the commit that it is."""

    data: bytes
    commit: str


def dvc_cache() -> Path:
    """DVC's cache folder, wherever its configuration puts it; raises LaanetError outside a DVC project."""
    done = subprocess.run([sys.executable, "-m", "dvc", "cache", "dir"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise LaanetError(f"{Path.cwd()}: is no folder of a DVC project; run in the project's folder.")
    return Path(done.stdout.strip())


def dvc_experiments() -> str:
    """JSON of all experiments, of earlier commits too; raises LaanetError outside the project's folder."""
    command = [sys.executable, "-m", "dvc", "exp", "show", "--json", "--all-commits"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not Path("params.yaml").exists():
        reason = done.stderr.strip().splitlines()[-1:] or ["no params.yaml"]
        raise LaanetError(f"{Path.cwd()}: has no experiments to show ({reason[0]}); run in the project's folder, under git and DVC.")
    return done.stdout


def dvc_lock(rev: str) -> dict[str, Any]:
    """dvc.lock at a revision, or as it is in the `workspace`; empty where there is none."""
    if rev == "workspace":
        text = Path("dvc.lock").read_text() if Path("dvc.lock").exists() else ""
    else:
        text = git("show", f"{rev}:./dvc.lock") if git("ls-tree", "--name-only", rev, "dvc.lock") else ""
    return yaml.safe_load(text) or {}


def read_at(rev: str, path: str, most: int) -> AtRevision:
    """A file as a git revision or a DVC experiment has it, also from DVC's cache or remote; path: from the project's folder.

    Raises LaanetError when the revision or the file is not there, or the name is that of several experiments.
    """
    from dvc.api import DVCFileSystem
    from dvc.exceptions import DvcException
    from dvc.scm import RevError, SCMError

    try:
        project = DVCFileSystem(rev=rev)
        with project.open(path, "rb") as file:
            return AtRevision(file.read(most), project.repo.get_rev())
    except RevError as error:
        if "ambiguous" in str(error):
            raise LaanetError(
                f"{rev}: is what several experiments are called; name the commit of one ('dvc exp list --all-commits')."
            ) from None
        known = f"neither a revision nor an experiment of the repository in {Path.cwd()}, nor a file"
        raise LaanetError(f"{rev}: is {known}; 'dvc exp list --all-commits' lists experiments.") from None
    except SCMError:
        raise LaanetError(
            f"{Path.cwd()}: is in no git repository, which '{rev}' could be a revision of; name files, or run in the project's folder."
        ) from None
    except FileNotFoundError:
        raise LaanetError(f"{rev}:{path}: is not there; name a file that this revision has, from the project's folder.") from None
    except (OSError, DvcException) as error:
        reason = (isinstance(error, OSError) and error.strerror) or " ".join(str(error).split())
        raise LaanetError(f"{rev}:{path}: cannot be read ({reason}); name a file that this revision has.") from None


def git(*words: str) -> str:
    """Output of a git command; raises LaanetError with what git says when it fails."""
    done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise LaanetError(f"git {' '.join(words)}: {done.stderr.strip()}; run in the project's folder, with a commit.")
    return done.stdout
