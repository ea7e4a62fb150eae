"""Processes, read from /proc."""

from __future__ import annotations

import os
from pathlib import Path


def _parents() -> dict[int, int]:
    """Map the id of every process, except zombies, to its parent's."""
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
    """List the ids of all descendants of a process, parents before children."""
    parents, found = _parents(), [pid]
    for above in found:
        found += sorted(child for child, parent in parents.items() if parent == above)
    return found[1:]


def command_of(pid: int) -> str:
    """Return the command line of a process, empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def inside(folder: Path) -> list[int]:
    """List the ids of all other processes whose working folder is in or below a folder."""
    found = []
    for pid in _parents():
        try:
            place = Path(f"/proc/{pid}/cwd").readlink()
        except OSError:
            continue
        if pid != os.getpid() and place.is_relative_to(folder):
            found.append(pid)
    return found
