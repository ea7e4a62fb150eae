"""List the videos of a data set: `python -m stages.index <dataset>`."""

from collections import Counter
from pathlib import Path

from laanet_core.datasets.index import write_index
from laanet_core.datasets.layouts import build_index
from laanet_core.media.workdir import work_root
from laanet_core.params import Params
from stages.runner import run_stage


def index(params: Params, dataset: str) -> None:
    """The data set's folder -> data/index/<dataset>.csv."""
    rows = build_index(dataset, params.datasets[dataset], work_root() / "index")
    write_index(Path("data/index") / f"{dataset}.csv", rows)
    counts = Counter(f"{row.split} {'fake' if row.label else 'real'}" for row in rows)
    print(f"index of {dataset}: {len(rows)} videos ({', '.join(f'{count} {kind}' for kind, count in sorted(counts.items()))})")


if __name__ == "__main__":
    run_stage(index)
