"""List the videos of a data set: `python -m stages.index <dataset>`."""

from collections import Counter
from pathlib import Path

from laanet_core.datasets.index import write_index
from laanet_core.datasets.layouts import build_index
from laanet_core.params import DatasetParams, Params
from laanet_core.store.dvc_records import read_lock
from laanet_core.store.work_dir import work_root
from stages.repair import remove_replaced
from stages.runner import run_stage


def index(params: Params, out: Path, dataset: str) -> None:
    """The data set's folder -> data/index/<dataset>.csv; if the folder is missing, the index recorded in dvc.lock is kept.

    This stage always runs, and before training and evaluation, so it also removes wrong records of these from DVC.
    """
    for message in remove_replaced(Path()):
        print(message)
    root, name = params.datasets[dataset].root, f"data/index/{dataset}.csv"
    if not Path(root).is_dir() and is_locked(dataset, params.datasets[dataset]):
        print(f"index of {dataset}: kept from dvc.lock; '{root}' does not exist on this machine")
        return
    rows = build_index(dataset, params.datasets[dataset], work_root() / "index")
    write_index(out / name, rows)
    counts = Counter(f"{row.split} {'fake' if row.label else 'real'}" for row in rows)
    print(f"index of {dataset}: {len(rows)} videos ({', '.join(f'{count} {kind}' for kind, count in sorted(counts.items()))})")


def is_locked(dataset: str, params: DatasetParams, lock: Path = Path("dvc.lock")) -> bool:
    """Return whether dvc.lock has an index with the same parameters; not so for a mistyped root."""
    if not lock.is_file():
        return False
    stage = read_lock(lock).get(f"index@{dataset}")
    return stage is not None and DatasetParams.model_validate(stage["params"]["params.yaml"][f"datasets.{dataset}"]) == params


if __name__ == "__main__":
    run_stage(index)
