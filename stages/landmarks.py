"""Cache the 68 landmarks of a data set's crops: `python -m stages.landmarks <dataset>`."""

from pathlib import Path

from laanet_core.media.landmarks import cache_landmarks
from laanet_core.media.workdir import WorkDir
from laanet_core.parallel import open_executor
from laanet_core.params import Params
from stages.runner import run_stage


def landmarks(params: Params, dataset: str) -> None:
    """data/crops/<dataset> -> data/landmarks/<dataset>.h5 and .csv."""
    folder, work = Path("data/landmarks"), WorkDir(f"landmarks/{dataset}")
    with work.lock(), open_executor() as executor:
        print(cache_landmarks(Path("data/crops") / dataset, folder / f"{dataset}.h5", folder / f"{dataset}.csv", Path("data/assets"), work, executor))


if __name__ == "__main__":
    run_stage(landmarks)
