"""Pausing another Python process at a chosen audit event, until a test lets it continue."""

from __future__ import annotations

import os
import time
from pathlib import Path

HOOK = """
import os, sys, time

def wait(event, arguments):
    if event == EVENT and any(PART in argument for argument in arguments if isinstance(argument, str)) and not os.path.exists(REACHED):
        with open(REACHED + ".tmp", "w") as file:
            file.write(str(os.getpid()))
        os.rename(REACHED + ".tmp", REACHED)
        while not os.path.exists(GO):
            time.sleep(0.01)

sys.addaudithook(wait)
"""


class Pause:
    """Pause point: the first process of a command that raises audit event `event` with `part` in one of its arguments waits there.

    folder: new folder for this pause; environment: environment of the command, extended in the attribute of that name.
    """

    def __init__(self, folder: Path, event: str, part: str, environment: dict[str, str]) -> None:
        folder.mkdir()
        self._reached, self._go = folder / "reached", folder / "go"
        names = {"EVENT": event, "PART": part, "REACHED": str(self._reached), "GO": str(self._go)}
        (folder / "sitecustomize.py").write_text("".join(f"{name} = {value!r}\n" for name, value in names.items()) + HOOK)
        inherited = environment.get("PYTHONPATH")
        self.environment = {**environment, "PYTHONPATH": f"{folder}{os.pathsep}{inherited}" if inherited else str(folder)}

    def reached(self, timeout_s: float = 120) -> int:
        """Wait until a process is paused; return its id, or fail after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while not self._reached.exists():
            assert time.monotonic() < deadline, "the process that was to wait never came to that point"
            time.sleep(0.005)
        return int(self._reached.read_text())

    def let_go(self) -> None:
        """Let the process continue."""
        self._go.touch()
