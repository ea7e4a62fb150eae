"""Running on a nearly full disk: the project is on an overlay whose writable layer is a small tmpfs, in a mount namespace."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.helpers.project import Project

IN_NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
MOUNT = """
set -e
mount -t tmpfs -o size="$1"k none "$2"
mkdir "$2/upper" "$2/work"
mount -t overlay overlay -o lowerdir="$3",upperdir="$2/upper",workdir="$2/work" "$3"
cd "$3"
"""
RUN = MOUNT + 'result="$4"; shift 4; set +e; "$@"; code=$?; cp -a . "$result" || exit 99; exit $code'


def possible(folder: Path) -> bool:
    """Return whether this system lets a user mount such a disk; `folder` is used for the test."""
    small, trial = folder / "small", folder / "trial"
    small.mkdir(exist_ok=True)
    trial.mkdir(exist_ok=True)
    return not subprocess.run([*IN_NAMESPACE, MOUNT, "sh", "64", small, trial], capture_output=True, check=False).returncode


def on_small_disk(project: Project, room_kb: int, command: list[str]) -> list[str]:
    """Wrap a command so that it runs with `room_kb` kB of free space; the resulting project is copied next to the original."""
    small = project.root.parent / "small"
    small.mkdir(exist_ok=True)
    return [*IN_NAMESPACE, RUN, "sh", str(room_kb), str(small), str(project.root), str(_result(project)), *command]


def keep_result(project: Project) -> None:
    """Replace the project by its state on the small disk."""
    result = _result(project)
    if (result / "dvc.yaml").is_file():
        shutil.rmtree(project.root)
        result.rename(project.root)


def _result(project: Project) -> Path:
    return project.root.with_name(project.root.name + ".after")
