"""Processes as /proc has them."""

from __future__ import annotations

import os
from pathlib import Path


def _parents() -> dict[int, int]:
    """Process id -> that of its parent, of every process that is no zombie."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state != "Z":
            found[int(folder.name)] = int(parent)
    return found


def descendants(pid: int) -> list[int]:
    """Ids of the processes below one, oldest first."""
    parents, found = _parents(), [pid]
    for above in found:
        found += sorted(child for child, parent in parents.items() if parent == above)
    return found[1:]


def command_of(pid: int) -> str:
    """Command line of a process, empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def inside(folder: Path) -> list[int]:
    """Ids of the processes, but this one, that work in a folder or below it."""
    found = []
    for pid in _parents():
        try:
            place = Path(f"/proc/{pid}/cwd").readlink()
        except OSError:
            continue
        if pid != os.getpid() and place.is_relative_to(folder):
            found.append(pid)
    return found
