"""`laanet run`: runs the pipeline after any other run in the same project has ended, and reports which one it waits for."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from laanet_core.errors import LaanetError

TURN = Path(".dvc/tmp/laanet-run")
"""File locked by the active `laanet run`; its text describes that command."""
POLL_S = 0.5
"""Seconds between two checks of the locks."""


def run(
    context: typer.Context,
    *,
    wait: Annotated[bool, typer.Option(help="Wait while another run uses the project; --no-wait exits with an error instead.")] = True,
) -> None:
    """Run 'dvc exp run' as soon as no other run uses this project.

    Takes every option of 'dvc exp run', for example 'laanet run -S lambda2=10'.
    A plain second 'dvc exp run' would change params.yaml and outputs of the first before DVC refuses it.
    """
    command = [sys.executable, "-m", "dvc", "exp", "run", *context.args]
    if not Path(".dvc").is_dir():
        raise LaanetError(f"{Path.cwd()}: is not in a DVC project; run in the project's folder.")
    with _turn(" ".join(["laanet run", *context.args]), wait):
        process = subprocess.Popen(command)
        while True:
            try:
                raise typer.Exit(process.wait())
            except KeyboardInterrupt:
                continue  # the terminal sent Ctrl-C to the pipeline too; wait until it has stopped cleanly


@contextmanager
def _turn(command: str, wait: bool) -> Iterator[None]:
    """Hold the project's lock while the context lasts.

    Raises LaanetError that names the other run if one uses the project and `wait` is false.
    """
    TURN.parent.mkdir(parents=True, exist_ok=True)
    with TURN.open("a+") as file:
        reported = None
        while (holder := _lock_holder(file.fileno()) or _dvc_command()) is not None:
            if not wait:
                raise LaanetError(f"this project is in use by {holder}; wait for it to end, or run without --no-wait.")
            if holder != reported:
                print(f"this project is in use by {holder}; waiting for it to end (Ctrl-C to stop waiting)", file=sys.stderr, flush=True)
                reported = holder
            time.sleep(POLL_S)
        file.truncate(0)
        file.write(f"'{command}' (process {os.getpid()}, since {time.strftime('%H:%M')})")
        file.flush()
        yield


def _lock_holder(descriptor: int) -> str | None:
    """The other `laanet run` that holds the lock; None once this process holds it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return TURN.read_text() or "another 'laanet run'"
    return None


def _dvc_command() -> str | None:
    """The DVC command that runs a stage in this project or holds its lock; None if there is none."""
    try:
        locks = json.loads(Path(".dvc/tmp/rwlock").read_text() or "{}")
        holders = [*locks.get("write", {}).values(), *(info for infos in locks.get("read", {}).values() for info in infos)]
    except (FileNotFoundError, ValueError, AttributeError):
        holders = []
    for holder in holders:
        if Path(f"/proc/{holder['pid']}").exists():
            program, _, arguments = holder["cmd"].partition(" ")
            return f"'{f'{Path(program).name} {arguments}'.strip()}' (process {holder['pid']})"
    return None if _is_free(Path(".dvc/tmp/lock")) else "another dvc command"


def _is_free(lock: Path) -> bool:
    """Whether no process holds a lock file."""
    if not lock.exists():
        return True
    with lock.open() as file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
