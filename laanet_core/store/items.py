"""Parallel computation of the items of a step: one per video, each written atomically, each failing independently of the others."""

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
CRASH_REASON = "its worker process crashed twice (a bug in a decoder or another native library)"


def run_items(
    work: WorkDir,
    keys: Mapping[str, str],
    compute: Compute,
    tasks: Mapping[str, Any],
    executor: Executor,
    label: str,
    give_up: GiveUp | None = None,
) -> dict[str, Path]:
    """Compute every item that does not exist yet; return item name -> finished file.

    keys: item name -> item key; tasks: item name -> picklable argument of `compute`, a module-level function
    `compute(task, path)` that writes one file at `path`. Items run in any order on any worker. An exception in `compute` ends the
    run; finished items are kept. An item whose process crashes is retried alone after the others; if it crashes again,
    `give_up(task, path, reason)` writes a placeholder in this process, for this run only.
    Raises LaanetError for such an item if there is no `give_up`, or if the process was killed, which is not the item's fault.
    """
    paths = {name: work.path(key) for name, key in keys.items()}
    missing = [name for name, path in paths.items() if not _is_finished(work, path)]
    for key in keys.values():
        work.record.use(key)
    with Progress(label, total=len(paths), done=len(paths) - len(missing)) as progress:
        for name in _compute_all(work, missing, paths, compute, tasks, executor, progress):
            error = _compute_alone(work, name, paths[name], compute, tasks[name], executor)
            if error is not None:
                paths[name] = _write_placeholder(name, tasks[name], paths[name], error, give_up, label)
            progress.advance(name)
    work.record.save()
    return paths


def _is_finished(work: WorkDir, path: Path) -> bool:
    """Return whether an item exists; one that changed since it was written is removed."""
    if not path.exists():
        return False
    if not work.record.is_intact(path):
        print(f"{path}: changed since it was written; computing it again", file=sys.stderr, flush=True)
        path.unlink()
    return path.exists()


def _compute_all(
    work: WorkDir, names: list[str], paths: Mapping[str, Path], compute: Compute, tasks: Mapping[str, Any], executor: Executor,
    progress: Progress,
) -> list[str]:  # fmt: skip
    """Compute the named items in parallel; return the names of those whose process died."""
    died = []
    futures: dict[Future[str], str] = {}
    for name in names:
        paths[name].parent.mkdir(exist_ok=True)
        futures[executor.submit(compute_item, compute, tasks[name], paths[name])] = name
    try:
        for future in as_completed(futures):
            name = futures.pop(future)
            try:
                work.record.add(paths[name], future.result())
            except WorkerDiedError:
                died.append(name)
                continue
            progress.advance(name)
    except BaseException as error:
        executor.shutdown(wait=False, cancel_futures=True)
        work.record.save()
        if isinstance(error, KeyboardInterrupt):
            raise InterruptedRunError(
                f"{progress.label}: interrupted with {progress.done} of {progress.total} finished; {GOES_ON}"
            ) from None
        raise
    return sorted(died)


def _compute_alone(work: WorkDir, name: str, path: Path, compute: Compute, task: Any, executor: Executor) -> WorkerDiedError | None:
    """Compute an item while nothing else runs; return the error if its process died."""
    print(f"{name}: its worker process died; retrying it alone", file=sys.stderr, flush=True)
    try:
        work.record.add(path, executor.submit(compute_item, compute, task, path).result())
    except WorkerDiedError as error:
        return error
    return None


def _write_placeholder(name: str, task: Any, path: Path, error: WorkerDiedError, give_up: GiveUp | None, label: str) -> Path:
    """Write the placeholder of an item that cannot be computed, under another name than finished items so that the next run tries again."""
    if error.signal_name == "SIGKILL" or give_up is None:
        raise LaanetError(
            f"{label}: the worker process for '{name}' died twice ({error.signal_name or 'signal unknown'}), the second time while running "
            "alone; if memory ran out, run again with LAANET_WORKERS=1 or on a machine with more memory. Finished work is kept."
        )
    print(f"{name}: {CRASH_REASON}", file=sys.stderr, flush=True)
    crashed = path.with_name(path.name + CRASHED)
    give_up(task, crashed, CRASH_REASON)
    return crashed


def compute_item(compute: Compute, task: Any, path: Path) -> str:
    """Compute an item and return the SHA-256 of its file."""
    with replacing(path, durable=True) as temporary:
        compute(task, temporary)
        return file_digest(temporary)
