"""Score a data set with the trained network: `python -m stages.evaluate <dataset>`."""

from pathlib import Path

from laanet_core.evaluation.evaluate import EvaluationFiles, copy_reported, evaluate_dataset
from laanet_core.explanation.gallery import Crops, write_gallery
from laanet_core.params import Params
from laanet_core.store.work_dir import WorkDir
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
    tables, shown = out / "reports" / dataset, out / "data/evaluation" / dataset
    work = WorkDir(f"evaluate/{dataset}")
    with work.lock():
        evaluation = evaluate_dataset(dataset, params, files, tables, work)
    crops = Crops(files.crops, evaluation.digests)
    write_gallery(evaluation.model, evaluation.videos, evaluation.frames, crops, params.evaluate.gallery, shown)
    copy_reported(tables, shown)
    print(evaluation.summary)


if __name__ == "__main__":
    run_stage(evaluate)
