"""The work folder kept within bounds: what no run uses any more goes first, then what is oldest."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from laanet_core.errors import LaanetError
from laanet_core.store.sizes import folder_bytes
from laanet_core.store.work_dir import WorkDir, steps


@dataclass
class Cleaned:
    """What became of a work folder. removed, kept: items; freed, held: their bytes, freed only where no output or cache shares them;
    fetched, states, rest: bytes that stay besides, of fetched weights, of unfinished trainings, and of all else (records, folders, steps
    left alone): these three and `held` are what the whole folder takes;
    busy: steps that another run was writing, which were left alone."""

    removed: int = 0
    kept: int = 0
    freed: int = 0
    held: int = 0
    fetched: int = 0
    states: int = 0
    rest: int = 0
    busy: list[str] = field(default_factory=list)


def clean_work(root: Path, most: int | None = None) -> Cleaned:
    """Remove from a work folder the items that the last run of their step did not use, and states of trainings given up for another.

    most: bytes of items that may be left; where more are, those that were made first go too, and would be made again if they were wanted.
    Fetched weights and the index's digests stay.
    """
    report = Cleaned()
    with ExitStack() as locks:
        free = [work for work in steps(root) if _locked(work, root, locks, report)]
        left = [(work, item) for work in free for item in _remove_unused(work, report)]
        _remove_oldest(left, most, report)
        for work in free:
            work.record.save()
    train = WorkDir("train", root)
    with ExitStack() as locks:
        if _locked(train, root, locks, report):
            _remove_states(train.folder, report)
    report.fetched, report.states = folder_bytes(root / "assets"), folder_bytes(train.folder)
    report.rest = folder_bytes(root) - report.held - report.fetched - report.states
    return report


def _locked(work: WorkDir, root: Path, locks: ExitStack, report: Cleaned) -> bool:
    """Whether a step is now locked against other writers; one that is not is reported."""
    try:
        locks.enter_context(work.lock())
    except LaanetError:
        report.busy.append(str(work.folder.relative_to(root)))
        return False
    return True


def _remove_oldest(left: list[tuple[WorkDir, Path]], most: int | None, report: Cleaned) -> None:
    """Remove the items that were made first until the others fit."""
    sizes = {item: item.stat().st_size for _, item in left}
    report.held = sum(sizes.values())
    for work, item in sorted(left, key=lambda found: (found[1].stat().st_mtime_ns, found[1].name)):
        if most is None or report.held <= most:
            break
        report.held -= sizes[item]
        _remove(work, item, report)
    report.kept = sum(item.exists() for _, item in left)


def _remove_unused(work: WorkDir, report: Cleaned) -> list[Path]:
    """Remove a step's unused items; returns the others."""
    used, left = work.record.last_used, []
    for item in work.items():
        if item.name in used:
            left.append(item)
        else:
            _remove(work, item, report)
    return left


def _remove(work: WorkDir, item: Path, report: Cleaned) -> None:
    """Remove an item and what is recorded of it."""
    facts = item.stat()
    report.removed += 1
    report.freed += facts.st_size if facts.st_nlink == 1 else 0
    item.unlink()
    work.record.forget(item.name)


def _remove_states(folder: Path, report: Cleaned) -> None:
    """Remove the states of unfinished trainings but the newest, which the next run may go on with."""
    states = sorted((path for path in folder.glob("??/*") if path.is_dir()), key=lambda path: path.stat().st_mtime_ns)
    for state in states[:-1]:
        report.removed += 1
        report.freed += sum(file.stat().st_size for file in state.iterdir())
        shutil.rmtree(state)
