"""Actions of the kinds of events on a run in progress."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos.cache import asset_objects, objects
from tests.chaos.plan import Event
from tests.chaos.running import Running
from tests.chaos.variants import Settings
from tests.helpers.damage import spoil
from tests.helpers.processes import command_of, descendants
from tests.helpers.project import Project


@dataclass
class Scene:
    """An event and the run that it disturbs. target: final arguments of every dvc command of this project; findings: violations found."""

    project: Project
    settings: Settings
    event: Event
    run: Running
    target: list[str]
    findings: list[str]

    @property
    def source(self) -> random.Random:
        """New random generator for the choices of this event, with the same seed each time."""
        return random.Random(self.event.draw)


def kill_group(scene: Scene) -> str:
    """Send SIGKILL to dvc and all its child processes."""
    scene.run.signal_group(signal.SIGKILL)
    return "killed all of them"


def kill_dvc(scene: Scene) -> str:
    """Send SIGKILL to dvc only: its child processes must end by themselves."""
    scene.run.process.kill()
    return "killed dvc alone"


def kill_child(scene: Scene) -> str:
    """Send SIGKILL to one process started by dvc: a stage, or one of its workers."""
    children = descendants(scene.run.process.pid)
    if not children:
        return "dvc had started nothing yet"
    child = scene.source.choice(children)
    command = command_of(child)
    try:
        os.kill(child, signal.SIGKILL)
    except ProcessLookupError:
        return f"one of {len(children)} processes was gone already"
    return f"killed one of {len(children)}: {command[:100]}"


def stop(scene: Scene) -> str:
    """Send SIGSTOP, and SIGCONT after a while."""
    seconds = round(0.3 + 3 * scene.event.amount, 2)
    scene.run.signal_group(signal.SIGSTOP)
    time.sleep(seconds)
    scene.run.signal_group(signal.SIGCONT)
    return f"stopped for {seconds} s"


def interrupt(scene: Scene) -> str:
    """Simulate Ctrl-C: send SIGINT to the process group, as a terminal would."""
    scene.run.signal_group(signal.SIGINT)
    return "interrupted"


def checkout(scene: Scene) -> str:
    """Run `dvc checkout`, in half of the cases with --force, as DVC suggests when it refuses."""
    return _try(scene, "dvc", "checkout", *_force(scene))


def stash_checkout(scene: Scene) -> str:
    """Visit the last commit: `git stash`, `dvc checkout`, `git stash pop`."""
    commands = [["git", "stash"], ["dvc", "checkout", *_force(scene)], ["git", "stash", "pop"]]
    return "; ".join(_try(scene, *command) for command in commands)


def second_run(scene: Scene) -> str:
    """Run `dvc exp run` with other parameters, which DVC must refuse while the first run is in progress."""
    overrides = scene.settings.overrides(scene.event.other)
    said = _try(scene, "dvc", "exp", "run", *overrides, *scene.target)
    if said.endswith("exited with 0") and scene.run.goes_on:
        scene.findings.append(f"a second 'dvc exp run' was not refused: {said}")
    return f"second run, of {scene.event.other}: {said}"


def edit_params(scene: Scene) -> str:
    """Edit params.yaml, and in some cases restore it after a while."""
    scene.settings.put(scene.project, scene.event.other)
    if scene.event.amount >= 0.4:
        return f"params.yaml set to {scene.event.other}"
    seconds = round(10 * scene.event.amount, 2)
    deadline = time.monotonic() + seconds
    while scene.run.goes_on and time.monotonic() < deadline:
        time.sleep(0.01)
    scene.settings.put(scene.project, scene.event.variant)
    return f"params.yaml set to {scene.event.other}, and back after {seconds} s"


def full_disk(scene: Scene) -> str:
    """Do nothing else: the run was started on a small disk."""
    return f"{room_kb(scene.event)} kB were free"


def remove_work(scene: Scene) -> str:
    """Remove a file of the work folder, except the downloaded weights, which would require network access."""
    work = scene.project.root / ".work"
    files = sorted(path for path in work.rglob("*") if path.is_file() and path.relative_to(work).parts[0] != "assets")
    if not files:
        return "the work folder was empty"
    path = scene.source.choice(files)
    path.unlink(missing_ok=True)
    return f"removed {path.relative_to(scene.project.root)}"


def flip_byte(scene: Scene) -> str:
    """Flip one bit of an object in DVC's cache, except the downloaded weights; size and times are kept, as in a disk error."""
    weights = asset_objects(scene.project)
    paths = [path for name, path in objects(scene.project).items() if name not in weights and path.stat().st_size]
    path = scene.source.choice(paths)
    spoil(path, scene.event.amount)
    return f"flipped a bit of {path.relative_to(scene.project.root)}"


KINDS: dict[str, Callable[[Scene], str]] = {
    function.__name__: function
    for function in (
        kill_group, kill_dvc, kill_child, stop, interrupt, checkout, stash_checkout, second_run, edit_params, full_disk, remove_work,
        flip_byte,
    )
}  # fmt: skip
NEED_A_RUN = {"kill_group", "kill_dvc", "kill_child", "stop", "interrupt"}
"""Kinds that have no effect after the run has ended; the others then act on its results."""


def room_kb(event: Event) -> int:
    """Return the free space on the small disk in kB: from almost none to more than most stages write."""
    return int(64 + 40_000 * event.amount**3)


def _force(scene: Scene) -> list[str]:
    return ["--force"] if scene.event.amount < 0.5 else []


def _try(scene: Scene, *command: str) -> str:
    """Run a command that may be refused; return how it ended."""
    other = Running(scene.project, list(command), scene.run.log.with_suffix(f".{command[0]}-{command[1]}.log"))
    status = other.wait()
    said = " ".join(other.output.split())[-160:] if status else ""
    return f"'{' '.join(command[:3])}' exited with {status}" if not status else f"'{' '.join(command[:3])}' exited with {status} ({said})"
