"""Simulated disk errors."""

from __future__ import annotations

import os
from pathlib import Path


def spoil(path: Path, where: float = 0.5) -> None:
    """Flip one bit of a file at the relative position `where` (0 to 1); size, mode and times are kept."""
    facts = path.stat()
    content = bytearray(path.read_bytes())
    content[int(where * (len(content) - 1))] ^= 1
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.write(content)
    path.chmod(facts.st_mode)
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
