"""A dvc run in its own session, and waiting for the time of an event."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.chaos.plan import Event
from tests.helpers.project import Project

LONGEST_S = 900
"""A run that takes longer is considered hung."""


class Running:
    """A running command whose output goes to a file.

    It has its own process group, like a command started by a shell: a signal to the group reaches the same processes as from a terminal.
    """

    def __init__(self, project: Project, command: list[str], log: Path) -> None:
        self.log = log
        with log.open("w") as file:
            self.process = subprocess.Popen(
                command, cwd=project.root, env=project.environment, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
            )
        self.started = time.monotonic()

    @property
    def output(self) -> str:
        """Output so far."""
        return self.log.read_text(errors="replace")

    @property
    def goes_on(self) -> bool:
        """Whether the command is still running."""
        return self.process.poll() is None

    def wait_for(self, event: Event) -> bool:
        """Wait for the time of an event; return whether the run is still in progress."""
        if not event.from_start:
            self._wait_until_said(f"Running stage '{event.stage}'")
        deadline = time.monotonic() + event.delay_s
        while self.goes_on and time.monotonic() < deadline:
            time.sleep(0.002)
        return self.goes_on

    def _wait_until_said(self, text: str) -> None:
        """Wait until the run has printed a text or ended."""
        while self.goes_on and text not in self.output:
            self._end_if_it_hangs()
            time.sleep(0.005)

    def signal_group(self, number: signal.Signals) -> None:
        """Send a signal to the run and its child processes."""
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            return

    def wait(self) -> int:
        """Wait for the end; return the exit status."""
        while self.goes_on:
            self._end_if_it_hangs()
            time.sleep(0.01)
        return self.process.returncode

    def _end_if_it_hangs(self) -> None:
        if time.monotonic() - self.started > LONGEST_S:
            self.signal_group(signal.SIGKILL)
            raise TimeoutError(f"{self.process.args!r} was not done after {LONGEST_S} s:\n{self.output}")


def run_anyway(project: Project, *command: str) -> tuple[int, str]:
    """Run a command in a project; return its exit status (124 if it hung) and output."""
    options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "timeout": LONGEST_S}
    try:
        done: subprocess.CompletedProcess[str] = subprocess.run(command, cwd=project.root, env=project.environment, check=False, **options)
    except subprocess.TimeoutExpired as error:
        return 124, f"it was not done after {LONGEST_S} s:\n{error.output}"
    return done.returncode, done.stdout
