"""Removal of DVC records whose outputs are not those that the stage wrote, before a run relies on them."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from dvc.config import Config

from laanet_core.store.dvc_records import (
    DvcCache,
    StageRecord,
    lock_records,
    object_path,
    read_lock,
    remove_entries,
    replaced_outputs,
    run_cache_records,
    tracked_digests,
)
from laanet_core.store.tracked import FOLDER


def remove_replaced(project: Path) -> list[str]:
    """Remove outputs and run-cache entries that DVC recorded with other files than the stage wrote; return a message for each record.

    Git can replace a git-tracked output between the end of a stage and DVC's record of it (`laanet_core.store.tracked`). DVC creates
    removed outputs again; the digests in DVC's cache are removed too, because DVC would otherwise only restore the outputs from the cache.
    """
    lock = project / "dvc.lock"
    cache = Path(Config(str(project / ".dvc"))["cache"].get("dir") or project / ".dvc/cache")
    dvc_cache = DvcCache(project, cache)
    records = [*lock_records(read_lock(lock) if lock.is_file() else {}), *run_cache_records(cache, mentioning=f"{FOLDER}/")]
    wrong = [(record, outputs) for record in records if (outputs := replaced_outputs(record, dvc_cache))]
    remove_entries(record.path for record, _ in wrong if record.path)
    for record, outputs in wrong:
        if record.path is None:
            _remove([*(project / output for output in outputs), *(object_path(cache, md5) for md5 in tracked_digests(record))])
    return [_message(record, outputs) for record, outputs in wrong]


def _message(record: StageRecord, outputs: list[str]) -> str:
    """Describe what was wrong with a record and what is done about it."""
    files = f"{', '.join(outputs)}; git may have replaced them during a run"
    if record.path is None:
        return f"dvc.lock recorded different files than stage {record.stage} wrote ({files}): they are removed, and the stage runs again"
    return f"DVC's run cache recorded different files than '{record.stage}' wrote ({files}): the entry is removed"


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
