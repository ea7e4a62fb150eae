"""Score one data set's corrupted crops with the trained network (Table 2): `python -m stages.robustness`."""

from pathlib import Path

from laanet_core.evaluation.robustness.measure import RobustnessFiles, measure_robustness
from laanet_core.params import Params
from laanet_core.store.work_dir import WorkDir
from stages.runner import run_stage


def robustness(params: Params, out: Path) -> None:
    """evaluate.checkpoint, data/index and data/crops of robustness.dataset -> reports/robustness.csv and .json."""
    data, name = Path("data"), params.robustness.dataset
    files = RobustnessFiles(data / "index" / f"{name}.csv", data / "crops" / name, Path(params.evaluate.checkpoint))
    work = WorkDir(f"robustness/{name}")
    with work.lock():
        print(measure_robustness(params, files, out / "reports/robustness.csv", work))


if __name__ == "__main__":
    run_stage(robustness)
