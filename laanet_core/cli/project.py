"""Access to the git repository and the DVC project in the current folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from laanet_core.errors import LaanetError


class AtRevision(NamedTuple):
    """The bytes of a file at a revision, and the revision's commit."""

    data: bytes
    commit: str


def dvc_cache() -> Path:
    """DVC's cache folder, from DVC's configuration; raises LaanetError outside a DVC project."""
    done = subprocess.run([sys.executable, "-m", "dvc", "cache", "dir"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise LaanetError(f"{Path.cwd()}: is not in a DVC project; run in the project's folder.")
    return Path(done.stdout.strip())


def dvc_experiments() -> str:
    """JSON of all experiments of all commits; raises LaanetError outside the project's folder."""
    command = [sys.executable, "-m", "dvc", "exp", "show", "--json", "--all-commits"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not Path("params.yaml").exists():
        reason = done.stderr.strip().splitlines()[-1:] or ["no params.yaml"]
        raise LaanetError(f"{Path.cwd()}: DVC lists no experiments here ({reason[0]}); run in the project's folder, with git and DVC.")
    return done.stdout


def dvc_lock(rev: str) -> dict[str, Any]:
    """dvc.lock at a revision, or in the working tree for `workspace`; empty if there is none."""
    if rev == "workspace":
        text = Path("dvc.lock").read_text() if Path("dvc.lock").exists() else ""
    else:
        text = git("show", f"{rev}:./dvc.lock") if git("ls-tree", "--name-only", rev, "dvc.lock") else ""
    return yaml.safe_load(text) or {}


def read_at(rev: str, path: str, max_bytes: int) -> AtRevision:
    """Read at most `max_bytes` of a file at a git revision or DVC experiment, also from DVC's cache or remote.

    path: relative to the project's folder. Raises LaanetError if the revision or the file does not exist, or if several experiments
    have this name.
    """
    from dvc.api import DVCFileSystem
    from dvc.exceptions import DvcException
    from dvc.scm import RevError, SCMError

    try:
        project = DVCFileSystem(rev=rev)
        with project.open(path, "rb") as file:
            return AtRevision(file.read(max_bytes), project.repo.get_rev())
    except RevError as error:
        if "ambiguous" in str(error):
            raise LaanetError(f"{rev}: several experiments have this name; give a commit ('dvc exp list --all-commits').") from None
        raise LaanetError(
            f"{rev}: is neither a file, nor a revision or experiment of the repository in {Path.cwd()}; 'dvc exp list --all-commits' "
            "lists experiments."
        ) from None
    except SCMError:
        raise LaanetError(
            f"{Path.cwd()}: is not in a git repository, so '{rev}' cannot be a revision; give files, or run in the project's folder."
        ) from None
    except FileNotFoundError:
        raise LaanetError(
            f"{rev}:{path}: does not exist; give the path of a file of this revision, relative to the project's folder."
        ) from None
    except (OSError, DvcException) as error:
        reason = (isinstance(error, OSError) and error.strerror) or " ".join(str(error).split())
        raise LaanetError(f"{rev}:{path}: cannot be read ({reason}); give a file of this revision.") from None


def git(*words: str) -> str:
    """Output of a git command; raises LaanetError with git's message if it fails."""
    done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise LaanetError(f"git {' '.join(words)}: {done.stderr.strip()}; run in the project's folder, after a first commit.")
    return done.stdout
