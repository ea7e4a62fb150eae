"""Find and crop the faces of a data set's frames: `python -m stages.crops <dataset>`."""

from pathlib import Path

from laanet_core.datasets.layouts import is_cropped
from laanet_core.media.faces.crops import crop_faces
from laanet_core.params import Params
from laanet_core.runtime.executor import open_executor
from laanet_core.store.work_dir import WorkDir
from stages.runner import run_stage


def crops(params: Params, out: Path, dataset: str) -> None:
    """data/frames/<dataset> -> data/crops/<dataset>."""
    source, folder, work = Path("data/frames") / dataset, out / "data/crops" / dataset, WorkDir(f"crops/{dataset}")
    with work.lock(), open_executor() as executor:
        cropped = is_cropped(dataset, params.datasets[dataset])
        print(crop_faces(source, folder, params.crops, Path("data/assets"), work, executor, cropped=cropped))


if __name__ == "__main__":
    run_stage(crops)
