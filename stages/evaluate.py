"""Score a data set with the trained network: `python -m stages.evaluate <dataset>`."""

from pathlib import Path

from laanet_core.evaluation.evaluate import EvaluationFiles, evaluate_dataset
from laanet_core.params import Params
from laanet_core.work.folder import WorkDir
from stages.runner import run_stage


def evaluate(params: Params, out: Path, dataset: str) -> None:
    """evaluate.checkpoint, data/crops and data/quality of <dataset> -> reports/<dataset> and data/evaluation/<dataset>."""
    data = Path("data")
    files = EvaluationFiles(
        data / "index" / f"{dataset}.csv",
        data / "crops" / dataset,
        data / "quality" / f"{dataset}.csv",
        data / "quality" / f"{dataset}_bins.csv",
        Path(params.evaluate.checkpoint),
    )
    work = WorkDir(f"evaluate/{dataset}")
    with work.lock():
        print(evaluate_dataset(dataset, params, files, out / "reports" / dataset, out / "data/evaluation" / dataset, work))


if __name__ == "__main__":
    run_stage(evaluate)
