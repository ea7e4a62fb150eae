"""Runs of the pipeline one after another: who holds the project is told, and waited for."""

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
"""Locked by the `laanet run` whose turn it is; says who that is."""
POLL_S = 0.5


def run(
    context: typer.Context,
    *,
    wait: Annotated[bool, typer.Option(help="Wait while another run holds the project; with --no-wait, say who does and end.")] = True,
) -> None:
    """Do a 'dvc exp run' with the options that follow, such as 'laanet run -S lambda2=10', once no other run holds this project.

    Takes every option of 'dvc exp run'. DVC itself refuses a second run only after it has changed params.yaml and outputs under the first.
    """
    command = [sys.executable, "-m", "dvc", "exp", "run", *context.args]
    if not Path(".dvc").is_dir():
        raise LaanetError(f"{Path.cwd()}: is no folder of a DVC project; run in the project's folder.")
    with _turn(" ".join(["laanet run", *context.args]), wait):
        process = subprocess.Popen(command)
        while True:
            try:
                raise typer.Exit(process.wait())
            except KeyboardInterrupt:
                continue  # the terminal told the pipeline, too, which ends in order


@contextmanager
def _turn(command: str, wait: bool) -> Iterator[None]:
    """Have the project to oneself; raises LaanetError, where there is to be no waiting, with the name of who has it."""
    TURN.parent.mkdir(parents=True, exist_ok=True)
    with TURN.open("a+") as file:
        told = None
        while (holder := _other_turn(file.fileno()) or _dvc_at_work()) is not None:
            if not wait:
                raise LaanetError(f"this project is held by {holder}; wait for it, or leave out --no-wait.")
            if holder != told:
                print(f"this project is held by {holder}; waiting for it to end (Ctrl-C gives up)", file=sys.stderr, flush=True)
                told = holder
            time.sleep(POLL_S)
        file.truncate(0)
        file.write(f"'{command}' (process {os.getpid()}, since {time.strftime('%H:%M')})")
        file.flush()
        yield


def _other_turn(descriptor: int) -> str | None:
    """Who else has the turn; None once this process has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return TURN.read_text() or "another 'laanet run'"
    return None


def _dvc_at_work() -> str | None:
    """The DVC command that runs a stage in this project, or holds its lock; None where there is none."""
    try:
        locks = json.loads(Path(".dvc/tmp/rwlock").read_text() or "{}")
        holders = [*locks.get("write", {}).values(), *(info for infos in locks.get("read", {}).values() for info in infos)]
    except (FileNotFoundError, ValueError, AttributeError):
        holders = []
    for holder in holders:
        if Path(f"/proc/{holder['pid']}").exists():
            return f"'{_readable(holder['cmd'])}' (process {holder['pid']})"
    return None if _is_free(Path(".dvc/tmp/lock")) else "another dvc command"


def _readable(command: str) -> str:
    """A command line without the folder of its program."""
    program, _, rest = command.partition(" ")
    return f"{Path(program).name} {rest}".strip()


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
