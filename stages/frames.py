"""Sample the frames of a data set's videos: `python -m stages.frames <dataset>`."""

from pathlib import Path

from laanet_core.datasets.index import read_index
from laanet_core.media.frames import extract_frames
from laanet_core.params import Params
from laanet_core.runtime.executor import open_executor
from laanet_core.store.work_dir import WorkDir
from stages.runner import run_stage


def frames(params: Params, out: Path, dataset: str) -> None:
    """data/index/<dataset>.csv and its videos -> data/frames/<dataset>."""
    rows = read_index(Path("data/index") / f"{dataset}.csv")
    root, folder, work = Path(params.datasets[dataset].root), out / "data/frames" / dataset, WorkDir(f"frames/{dataset}")
    with work.lock(), open_executor() as executor:
        print(extract_frames(rows, root, folder, params.frames, work, executor))


if __name__ == "__main__":
    run_stage(frames)
