"""Compute the Mask-SSIM of a data set's fakes: `python -m stages.quality <dataset>`."""

from pathlib import Path

from laanet_core.params import Params
from laanet_core.quality.measure import QualityFiles, QualityTables, score_quality
from laanet_core.runtime.executor import open_executor
from laanet_core.store.work_dir import WorkDir
from stages.runner import run_stage


def quality(params: Params, out: Path, dataset: str) -> None:
    """data/frames, data/crops and data/landmarks of <dataset> -> data/quality/<dataset>.csv, <dataset>_frames.csv, <dataset>_bins.csv
    and <dataset>.json."""
    data = Path("data")
    files = QualityFiles(
        data / "index" / f"{dataset}.csv", data / "frames" / dataset, data / "crops" / dataset, data / "landmarks" / f"{dataset}.h5"
    )
    tables, work = QualityTables.of(out / "data/quality", dataset), WorkDir(f"quality/{dataset}")
    with work.lock(), open_executor() as executor:
        print(score_quality(files, tables, params.quality, params.crops.size, work, executor))


if __name__ == "__main__":
    run_stage(quality)
