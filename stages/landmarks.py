"""Predict the 68 landmarks of a data set's crops: `python -m stages.landmarks <dataset>`."""

from pathlib import Path

from laanet_core.media.faces.landmarks import cache_landmarks
from laanet_core.params import Params
from laanet_core.runtime.executor import open_executor
from laanet_core.store.work_dir import WorkDir
from stages.runner import run_stage


def landmarks(params: Params, out: Path, dataset: str) -> None:
    """data/crops/<dataset> -> data/landmarks/<dataset>.h5 and .csv."""
    crops, assets, work = Path("data/crops") / dataset, Path("data/assets"), WorkDir(f"landmarks/{dataset}")
    store = out / "data/landmarks" / f"{dataset}.h5"
    with work.lock(), open_executor() as executor:
        print(cache_landmarks(crops, store, store.with_suffix(".csv"), assets, work, executor))


if __name__ == "__main__":
    run_stage(landmarks)
