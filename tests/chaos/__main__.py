"""`python -m tests.chaos`: disturb a project at random, report whether it was harmed, write benchmarks/results/chaos.json."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from benchmarks.machine import describe_machine
from laanet_core.store.work_dir import work_root
from tests.chaos.plan import KINDS, Event, plan
from tests.chaos.results import summary
from tests.chaos.session import Outcome, Session
from tests.chaos.variants import SMALLEST, STAGES, VARIANTS
from tests.helpers.paths import ROOT
from tests.helpers.project import Project

RESULTS = ROOT / "benchmarks/results/chaos.json"


def main() -> int:
    """Play the events, print and write the result; exit status 1 if the project was harmed."""
    options = _options()
    events = _chosen(options, plan(options.seed, options.events, options.kinds, options.variants, options.until))
    if options.dry:
        print("\n".join(event.words() for event in events))
        return 0
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="chaos."))
    session = Session(folder, build(folder / "made", options.until), options.variants, options.until, _tell)
    prepared = time.monotonic() - started
    outcomes = play(session, events, options.keep_going)
    stopped = any(outcome.findings for outcome in outcomes) and not options.keep_going
    at_the_end = [] if stopped else session.settle()
    report = {
        "machine": describe_machine("cpu"),
        "seed": options.seed,
        "until": options.until,
        "variants": options.variants,
        "preparation_s": round(prepared, 1),
        "seconds": round(time.monotonic() - started, 1),
        **summary(outcomes, at_the_end),
    }
    options.results.write_text(json.dumps(report, indent=1) + "\n")
    return _conclude(report, folder, options.seed, stopped)


def build(root: Path, until: str) -> Project:
    """Create the reduced demo, run it and commit it."""
    _tell("building the reduced demo")
    project = Project.create(root, SMALLEST)
    if (work_root() / "assets").is_dir():
        shutil.copytree(work_root() / "assets", root / ".work/assets", dirs_exist_ok=True)
    project.dvc("repro", *([] if until == STAGES[-1] else [until]))
    project.commit()
    return project


def play(session: Session, events: list[Event], keep_going: bool) -> list[Outcome]:
    """Play events until one does harm; with `keep_going` all of them, with a fresh project after each harm. Ctrl-C ends early."""
    outcomes: list[Outcome] = []
    with suppress(KeyboardInterrupt):
        for event in events:
            outcomes.append(session.play(event))
            if outcomes[-1].findings and not keep_going:
                break
            if outcomes[-1].findings:
                session.start_afresh()
    return outcomes


def _chosen(options: argparse.Namespace, events: list[Event]) -> list[Event]:
    """Select the events by --only and --from."""
    if options.only:
        return [event for event in events if event.number in options.only]
    return events[options.start - 1 :]


def _conclude(report: dict[str, object], folder: Path, seed: int, stopped: bool) -> int:
    """Print the result; remove the folder if nothing was found."""
    print(json.dumps({name: value for name, value in report.items() if name != "not_as_it_must_be"}, indent=1))
    if report["sound"]:
        shutil.rmtree(folder)
        _tell("sound: 'dvc repro' repaired the project after every event")
        return 0
    where = "stopped there" if stopped else "all were played"
    _tell(f"NOT SOUND, {where}; to repeat the same events: --seed {seed}; projects and logs are kept in {folder}")
    return 1


def _tell(what: str) -> None:
    print(f"chaos: {what}", file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos", description="Random events at random times of a run, and the harm they do."
    )
    parser.add_argument("--events", type=int, default=100, metavar="N", help="number of events (100)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the events; the same seed gives the same events (1)")
    parser.add_argument("--from", type=int, default=1, metavar="K", dest="start", help="skip the events before this number")
    parser.add_argument("--only", type=int, nargs="+", metavar="K", help="play only these events, each on a project in its intended state")
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS, metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=VARIANTS, metavar="NAME", help=", ".join(VARIANTS))
    parser.add_argument("--until", default=STAGES[-1], choices=STAGES, metavar="STAGE", help="last stage to run (report)")
    parser.add_argument("--keep-going", action="store_true", help="continue with a fresh project after an event that did harm")
    parser.add_argument("--dry", action="store_true", help="print the events and exit")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FILE", help=f"({RESULTS.relative_to(ROOT)})")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
