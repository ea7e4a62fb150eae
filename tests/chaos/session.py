"""Playing the events in sequence: each disturbs a run, the project is repaired by `dvc repro`, and checked."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.cache import forget_runs, objects, wrong_objects
from tests.chaos.checks import check
from tests.chaos.events import KINDS, NEED_A_RUN, Scene, room_kb
from tests.chaos.plan import Event
from tests.chaos.reference import State, locked_stages, undisturbed
from tests.chaos.running import Running, run_anyway
from tests.chaos.small_disk import keep_result, on_small_disk, possible
from tests.chaos.tidy import forget_dead_locks, orphans, tidy
from tests.chaos.variants import STAGES, Settings
from tests.helpers.project import Project

Tell = Callable[[str], None]


@dataclass
class Outcome:
    """Outcome of an event. met: whether the run was still in progress; status: its exit status; note: description of the action; tidied:
    what had to be undone in git; findings: failed checks; skipped: reason if the event is impossible here; seconds: total duration."""

    event: Event
    met: bool = False
    status: int | None = None
    note: str = ""
    tidied: list[str] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    skipped: str = ""
    seconds: float = 0


class Session:
    """A disturbed project and its undisturbed reference.

    folder: folder for both and the logs; made: an up-to-date project with the first of `variants`, of which copies are taken; until: last
    stage to run.
    """

    def __init__(self, folder: Path, made: Project, variants: list[str], until: str, tell: Tell) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # if ignored here, as under nohup, dvc would ignore it too
        self.folder, self.variants, self.until, self.tell = folder, variants, until, tell
        self.target = [] if until == STAGES[-1] else [until]
        self.settings = Settings(made)
        self.undisturbed = _own(made.copy(folder / "undisturbed"))
        self.states: dict[str, State] = undisturbed(self.undisturbed, self.settings, variants, self.target)
        self.branch = self.undisturbed.run("git", "branch", "--show-current").strip()
        self.small_disks = possible(folder)
        self.project = self._fresh()

    def _fresh(self) -> Project:
        """Copy the undisturbed project, which is at the first variant."""
        shutil.rmtree(self.folder / "disturbed", ignore_errors=True)
        self.at = self.variants[0]
        return _own(self.undisturbed.copy(self.folder / "disturbed"))

    def play(self, event: Event) -> Outcome:
        """Play an event, repair the project and check it."""
        started = time.monotonic()
        self.tell(event.words())
        outcome = Outcome(event)
        if event.kind == "full_disk" and not self.small_disks:
            outcome.skipped = "this system lets no user mount a small file system"
        else:
            self._bring_to(event.before)
            self._disturb(event, outcome)
            self._repair(event, outcome)
        outcome.seconds = round(time.monotonic() - started, 1)
        self._report(outcome)
        return outcome

    def start_afresh(self) -> None:
        """Replace the disturbed project by a copy of the undisturbed one, so that findings are not counted twice."""
        self.project = self._fresh()

    def settle(self) -> list[str]:
        """At the end, run and check each variant once more, with the state in which the events left DVC's caches and the work folder."""
        findings = []
        self._clear_up()
        for variant in self.variants:
            self.settings.put(self.project, variant)
            findings += [f"at the end, {variant}: {sentence}" for sentence in self._repro_and_check(variant, [])]
        return findings

    def _clear_up(self) -> None:
        """Clean up after an event that Ctrl-C cut off; after a complete event there is nothing to do."""
        orphans(self.project)
        tidy(self.project, self.branch)

    def _bring_to(self, variant: str) -> None:
        """Bring the project up to date with a variant and commit; only needed if events were skipped or the project is fresh."""
        if self.at != variant:
            self.settings.put(self.project, variant)
            self.project.dvc("repro", *self.target)
            self.project.commit()
            self.at = variant

    def _disturb(self, event: Event, outcome: Outcome) -> None:
        """Start a run that has work to do, let the event disturb it, and wait for its end."""
        self._drop(event)
        log = self.folder / "logs" / f"{event.number:04d}.log"
        log.parent.mkdir(exist_ok=True)
        run = Running(self.project, self._command(event), log)
        try:
            self._meet(run, event, outcome)
        except TimeoutError as error:
            outcome.findings.append(str(error))
        except BaseException:
            run.signal_group(signal.SIGKILL)
            raise
        if event.kind == "full_disk":
            keep_result(self.project)

    def _meet(self, run: Running, event: Event, outcome: Outcome) -> None:
        """Wait for the time of an event, perform it, and wait for the end of the run."""
        scene = Scene(self.project, self.settings, event, run, self.target, outcome.findings)
        outcome.met = run.wait_for(event) or event.kind == "full_disk"
        outcome.note = KINDS[event.kind](scene) if outcome.met or event.kind not in NEED_A_RUN else "the run had ended"
        outcome.status = run.wait()

    def _drop(self, event: Event) -> None:
        """Remove what would let the stage skip its work: its outputs, its run-cache entries, items of the work folder."""
        forget_runs(self.project, event.stage)
        for out in locked_stages(self.project)[event.stage]["outs"]:
            _remove(self.project.root / out["path"])
        work = self.project.root / ".work"
        steps = {"all": [path for path in work.iterdir() if path.name != "assets"], "stage": [work / event.stage.partition("@")[0]]}
        for step in steps.get(event.drop_work, []):
            _remove(step)

    def _command(self, event: Event) -> list[str]:
        """Return the command of the run to disturb."""
        if event.start == "exp":
            command = ["dvc", "exp", "run", *self.settings.overrides(event.variant), *self.target]
        else:
            self.settings.put(self.project, event.variant)
            command = ["dvc", "repro", *self.target]
        return on_small_disk(self.project, room_kb(event), command) if event.kind == "full_disk" else command

    def _repair(self, event: Event, outcome: Outcome) -> None:
        """Repair the project as a user would, ending with `dvc repro` of the intended parameters; then check it."""
        outcome.findings += [f"outlived dvc: {command}" for command in orphans(self.project)]
        if event.kind == "flip_byte":
            outcome.findings += self._verify_and_remove()
        outcome.tidied = tidy(self.project, self.branch)
        self.settings.put(self.project, event.variant)
        outcome.findings += self._repro_and_check(event.variant, outcome.tidied)
        self.project.commit()
        self.at = event.variant

    def _verify_and_remove(self) -> list[str]:
        """Run `laanet verify --remove`, which must find every damaged object."""
        wrong = wrong_objects(self.project)
        status, output = run_anyway(self.project, "laanet", "verify", "--remove")
        missed = [name for name in wrong if name in objects(self.project)]
        return [f"'laanet verify --remove' left {name}, exited with {status}: {output[-600:]}" for name in missed]

    def _repro_and_check(self, variant: str, tidied: list[str]) -> list[str]:
        """Run `dvc repro`, which must succeed, then all other checks."""
        status, output = run_anyway(self.project, "dvc", "repro", *self.target)
        if status:
            return [f"'dvc repro' exited with {status}:\n{output}"]
        tidied += forget_dead_locks(self.project)
        return check(self.project, variant, self.states)

    def _report(self, outcome: Outcome) -> None:
        """Log a finished event."""
        number = outcome.event.number
        if outcome.skipped:
            self.tell(f"event {number}: skipped, {outcome.skipped}")
            return
        met = "in progress" if outcome.met else "not in progress"
        self.tell(f"event {number}: {outcome.note}; the run was {met} and exited with {outcome.status}; {outcome.seconds} s in all")
        for sentence in outcome.tidied:
            self.tell(f"event {number}: {sentence}")
        for sentence in outcome.findings:
            self.tell(f"event {number}: CHECK FAILED: {sentence}")


def _own(project: Project) -> Project:
    """Make the commands of a project use its own code, not that of the original checkout, and no GPU."""
    project.environment |= {"PYTHONPATH": str(project.root), "CUDA_VISIBLE_DEVICES": ""}
    return project


def _remove(path: Path) -> None:
    """Remove a file or folder if it exists."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
