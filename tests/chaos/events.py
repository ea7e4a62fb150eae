"""What each kind of event does to a run that is in progress."""

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
    """An event and the run that it meets. target: words that end every dvc command of this project; findings: what must not have been."""

    project: Project
    settings: Settings
    event: Event
    run: Running
    target: list[str]
    findings: list[str]

    @property
    def source(self) -> random.Random:
        """What this event chooses by, anew from its start each time."""
        return random.Random(self.event.draw)


def kill_group(scene: Scene) -> str:
    """SIGKILL to dvc and all that it started."""
    scene.run.signal_group(signal.SIGKILL)
    return "killed all of them"


def kill_dvc(scene: Scene) -> str:
    """SIGKILL to dvc alone: what it started must end of itself."""
    scene.run.process.kill()
    return "killed dvc alone"


def kill_child(scene: Scene) -> str:
    """SIGKILL to one process that dvc started: a stage, or one of its workers."""
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
    """SIGSTOP for a while, then SIGCONT."""
    seconds = round(0.3 + 3 * scene.event.amount, 2)
    scene.run.signal_group(signal.SIGSTOP)
    time.sleep(seconds)
    scene.run.signal_group(signal.SIGCONT)
    return f"stopped for {seconds} s"


def interrupt(scene: Scene) -> str:
    """Ctrl-C: SIGINT to the group that the terminal would send it to."""
    scene.run.signal_group(signal.SIGINT)
    return "interrupted"


def checkout(scene: Scene) -> str:
    """`dvc checkout`, in half of the cases with --force, as DVC advises when it declines."""
    return _try(scene, "dvc", "checkout", *_force(scene))


def stash_checkout(scene: Scene) -> str:
    """A look at the last commit: `git stash`, `dvc checkout`, `git stash pop`."""
    commands = [["git", "stash"], ["dvc", "checkout", *_force(scene)], ["git", "stash", "pop"]]
    return "; ".join(_try(scene, *command) for command in commands)


def second_run(scene: Scene) -> str:
    """`dvc exp run` with other parameters, which DVC must decline while the first run goes on."""
    overrides = scene.settings.overrides(scene.event.other)
    said = _try(scene, "dvc", "exp", "run", *overrides, *scene.target)
    if said.endswith("exited with 0") and scene.run.goes_on:
        scene.findings.append(f"a second 'dvc exp run' was not declined: {said}")
    return f"second run, of {scene.event.other}: {said}"


def edit_params(scene: Scene) -> str:
    """params.yaml edited by hand, in some cases put back after a while."""
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
    """Nothing more: the run was started on a small disk."""
    return f"{room_kb(scene.event)} kB were free"


def remove_work(scene: Scene) -> str:
    """A file of the work folder removed, not one of the fetched weights, for which the network would be needed."""
    work = scene.project.root / ".work"
    files = sorted(path for path in work.rglob("*") if path.is_file() and path.relative_to(work).parts[0] != "assets")
    if not files:
        return "the work folder was empty"
    path = scene.source.choice(files)
    path.unlink(missing_ok=True)
    return f"removed {path.relative_to(scene.project.root)}"


def flip_byte(scene: Scene) -> str:
    """A bit of one of DVC's objects flipped, size and times as they were, as a disk does; not in the fetched weights."""
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
"""Kinds that are nothing where the run has ended; the others are done to its results."""


def room_kb(event: Event) -> int:
    """Kilobytes that are free on the small disk: from next to none to more than most stages write."""
    return int(64 + 40_000 * event.amount**3)


def _force(scene: Scene) -> list[str]:
    return ["--force"] if scene.event.amount < 0.5 else []


def _try(scene: Scene, *command: str) -> str:
    """Run a command that may well be declined; returns how it ended."""
    other = Running(scene.project, list(command), scene.run.log.with_suffix(f".{command[0]}-{command[1]}.log"))
    status = other.wait()
    said = " ".join(other.output.split())[-160:] if status else ""
    return f"'{' '.join(command[:3])}' exited with {status}" if not status else f"'{' '.join(command[:3])}' exited with {status} ({said})"
