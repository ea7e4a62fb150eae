"""The items of a step made side by side: one a video, each whole or not there, each lost only for itself."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future, as_completed
from pathlib import Path
from typing import Any

from laanet_core.errors import GOES_ON, InterruptedRunError, LaanetError
from laanet_core.runtime.progress import Progress
from laanet_core.runtime.workers import WorkerDiedError
from laanet_core.store.digests import file_digest
from laanet_core.store.work_dir import CRASHED, WorkDir
from laanet_core.store.writing import replacing

Compute = Callable[[Any, Path], None]
GiveUp = Callable[[Any, Path, str], None]
CRASH_REASON = "its process crashed twice while it was worked on (a fault of a decoder or another native library)"


def run_items(
    work: WorkDir,
    keys: Mapping[str, str],
    compute: Compute,
    tasks: Mapping[str, Any],
    executor: Executor,
    label: str,
    give_up: GiveUp | None = None,
) -> dict[str, Path]:
    """Make every item that is not there yet; return item name -> finished file.

    keys: item name -> item key; tasks: item name -> the picklable argument of `compute`, a module-level function
    `compute(task, path)` that writes one file at `path`. Items run in any order on any worker; one that raises ends the
    run with its error, and what is finished stays. An item whose process crashes is tried again alone, when the others are done;
    if it crashes again, `give_up(task, path, reason)` writes it in this process, for this run only.
    Raises LaanetError for such an item where there is no `give_up`, or when the process was killed, which is no fault of the item's.
    """
    paths = {name: work.path(key) for name, key in keys.items()}
    waiting = [name for name, path in paths.items() if not _is_finished(work, path)]
    for key in keys.values():
        work.record.use(key)
    with Progress(label, total=len(paths), done=len(paths) - len(waiting)) as progress:
        for name in _compute_all(work, waiting, paths, compute, tasks, executor, progress):
            died = _compute_alone(work, name, paths[name], compute, tasks[name], executor)
            if died is not None:
                paths[name] = _without(name, tasks[name], paths[name], died, give_up, label)
            progress.advance(name)
    work.record.save()
    return paths


def _is_finished(work: WorkDir, path: Path) -> bool:
    """Whether an item is there; one that was changed since it was made is removed."""
    if not path.exists():
        return False
    if not work.record.is_whole(path):
        print(f"{path}: was changed since it was made; making it anew", file=sys.stderr, flush=True)
        path.unlink()
    return path.exists()


def _compute_all(
    work: WorkDir, names: list[str], paths: Mapping[str, Path], compute: Compute, tasks: Mapping[str, Any], executor: Executor,
    progress: Progress,
) -> list[str]:  # fmt: skip
    """Make the named items side by side; returns those whose process died."""
    died = []
    futures: dict[Future[str], str] = {}
    for name in names:
        paths[name].parent.mkdir(exist_ok=True)
        futures[executor.submit(compute_item, compute, tasks[name], paths[name])] = name
    try:
        for future in as_completed(futures):
            name = futures.pop(future)
            try:
                work.record.learn(paths[name], future.result())
            except WorkerDiedError:
                died.append(name)
                continue
            progress.advance(name)
    except BaseException as error:
        executor.shutdown(wait=False, cancel_futures=True)
        work.record.save()
        if isinstance(error, KeyboardInterrupt):
            counted = f"{progress.done} of {progress.total} finished"
            raise InterruptedRunError(f"{progress.label}: interrupted with {counted}; {GOES_ON}") from None
        raise
    return sorted(died)


def _compute_alone(work: WorkDir, name: str, path: Path, compute: Compute, task: Any, executor: Executor) -> WorkerDiedError | None:
    """Make an item while nothing else runs; returns how its process died, if it did."""
    print(f"{name}: its process died; trying once more, alone", file=sys.stderr, flush=True)
    try:
        work.record.learn(path, executor.submit(compute_item, compute, task, path).result())
    except WorkerDiedError as error:
        return error
    return None


def _without(name: str, task: Any, path: Path, died: WorkerDiedError, give_up: GiveUp | None, label: str) -> Path:
    """The file that stands for an item that cannot be made, kept apart from the finished ones so that the next run tries again."""
    if died.signal_name == "SIGKILL" or give_up is None:
        raise LaanetError(
            f"{label}: the process that worked on '{name}' died twice ({died.signal_name or 'no signal is known'}), the second time alone; "
            "if memory ran out, start again with LAANET_WORKERS=1 or where there is more. What is finished is kept."
        )
    print(f"{name}: {CRASH_REASON}", file=sys.stderr, flush=True)
    crashed = path.with_name(path.name + CRASHED)
    give_up(task, crashed, CRASH_REASON)
    return crashed


def compute_item(compute: Compute, task: Any, path: Path) -> str:
    """Make an item and return the SHA-256 of its file."""
    with replacing(path, durable=True) as temporary:
        compute(task, temporary)
        return file_digest(temporary)
