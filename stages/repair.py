"""Records of DVC that name another output than the stage made, taken back before a run relies on them."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from dvc.config import Config

from laanet_core.store.dvc_records import (
    Objects,
    Record,
    exchanged_outputs,
    lock_records,
    object_path,
    read_lock,
    remove_entries,
    run_cache_records,
    tracked_digests,
)
from laanet_core.store.tracked import FOLDER


def take_back_exchanged(project: Path) -> list[str]:
    """Remove outputs and entries of DVC's run cache that were recorded otherwise than their stages made them; returns a sentence for each.

    Git can exchange an output that it keeps between a stage's end and DVC's record of it (`laanet_core.store.tracked`). Outputs that are
    missing, DVC makes again; were all objects of the record still in its cache, it would only take them from there.
    """
    lock = project / "dvc.lock"
    cache = Path(Config(str(project / ".dvc"))["cache"].get("dir") or project / ".dvc/cache")
    objects = Objects(project, cache)
    records = [*lock_records(read_lock(lock) if lock.is_file() else {}), *run_cache_records(cache, mentioning=f"{FOLDER}/")]
    wrong = [(record, outputs) for record in records if (outputs := exchanged_outputs(record, objects))]
    remove_entries(record.path for record, _ in wrong if record.path)
    for record, outputs in wrong:
        if record.path is None:
            _remove([*(project / output for output in outputs), *(object_path(cache, md5) for md5 in tracked_digests(record))])
    return [_sentence(record, outputs) for record, outputs in wrong]


def _sentence(record: Record, outputs: list[str]) -> str:
    """What was wrong with a record, and what is done about it."""
    files = f"{', '.join(outputs)}; git may have put these in place during a run"
    if record.path is None:
        return f"dvc.lock had other files of stage {record.stage} than it made ({files}): they are removed, and the stage runs again"
    return f"DVC's run cache had other files of '{record.stage}' than that command made ({files}): the entry is removed"


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
