"""Pruning of the work folder: items that no run uses any more first, then the oldest ones."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from laanet_core.errors import LaanetError
from laanet_core.store.sizes import folder_bytes
from laanet_core.store.work_dir import WorkDir, steps


@dataclass
class CleanupReport:
    """Result of pruning a work folder.

    removed, kept: numbers of items; freed, held: their sizes in bytes, where files shared with an output or DVC's cache free nothing;
    fetched, states, rest: bytes of what stays besides the items: downloaded weights, states of unfinished trainings, and everything else
    (records, folders, skipped steps); with `held` they add up to the size of the folder;
    busy: steps that were skipped because another run was writing them.
    """

    removed: int = 0
    kept: int = 0
    freed: int = 0
    held: int = 0
    fetched: int = 0
    states: int = 0
    rest: int = 0
    busy: list[str] = field(default_factory=list)


def clean_work(root: Path, most: int | None = None) -> CleanupReport:
    """Remove items that the last run of their step did not use, and states of trainings that another training has superseded.

    most: maximum size in bytes of the remaining items; beyond it the oldest items are removed too, and are computed again when needed.
    Downloaded weights and the digests of the index are kept.
    """
    report = CleanupReport()
    with ExitStack() as locks:
        free = [work for work in steps(root) if _locked(work, root, locks, report)]
        remaining = [(work, item) for work in free for item in _remove_unused(work, report)]
        _remove_oldest(remaining, most, report)
        for work in free:
            work.record.save()
    train = WorkDir("train", root)
    with ExitStack() as locks:
        if _locked(train, root, locks, report):
            _remove_states(train.folder, report)
    report.fetched, report.states = folder_bytes(root / "assets"), folder_bytes(train.folder)
    report.rest = folder_bytes(root) - report.held - report.fetched - report.states
    return report


def _locked(work: WorkDir, root: Path, locks: ExitStack, report: CleanupReport) -> bool:
    """Try to lock a step against other writers; a step that another run holds is added to `report.busy`."""
    try:
        locks.enter_context(work.lock())
    except LaanetError:
        report.busy.append(str(work.folder.relative_to(root)))
        return False
    return True


def _remove_oldest(items: list[tuple[WorkDir, Path]], most: int | None, report: CleanupReport) -> None:
    """Remove the oldest items until the rest is at most `most` bytes."""
    sizes = {item: item.stat().st_size for _, item in items}
    report.held = sum(sizes.values())
    for work, item in sorted(items, key=lambda pair: (pair[1].stat().st_mtime_ns, pair[1].name)):
        if most is None or report.held <= most:
            break
        report.held -= sizes[item]
        _remove(work, item, report)
    report.kept = sum(item.exists() for _, item in items)


def _remove_unused(work: WorkDir, report: CleanupReport) -> list[Path]:
    """Remove the unused items of a step; return the others."""
    used, remaining = work.record.last_used, []
    for item in work.items():
        if item.name in used:
            remaining.append(item)
        else:
            _remove(work, item, report)
    return remaining


def _remove(work: WorkDir, item: Path, report: CleanupReport) -> None:
    """Remove an item and its record."""
    info = item.stat()
    report.removed += 1
    report.freed += info.st_size if info.st_nlink == 1 else 0
    item.unlink()
    work.record.forget(item.name)


def _remove_states(folder: Path, report: CleanupReport) -> None:
    """Remove the states of unfinished trainings except the newest, which the next run may resume."""
    states = sorted((path for path in folder.glob("??/*") if path.is_dir()), key=lambda path: path.stat().st_mtime_ns)
    for state in states[:-1]:
        report.removed += 1
        report.freed += sum(file.stat().st_size for file in state.iterdir())
        shutil.rmtree(state)
