"""The page to look at: `python -m stages.report`."""

from pathlib import Path

import cv2

from laanet_core.evaluation.robustness import RobustnessRow
from laanet_core.paper.experiments import read_experiments
from laanet_core.paper.robustness import write_robustness_table
from laanet_core.paper.tables import write_paper_tables
from laanet_core.params import Params
from laanet_core.reporting.html import ReportFiles, build_report
from laanet_core.reporting.sheet import training_examples
from laanet_core.synthesis.sheet import contact_sheet
from laanet_core.tables import read_table
from stages.provenance import collect_provenance
from stages.runner import run_stage

TILE, LARGE_TILE = 144, 256


def report(params: Params) -> None:
    """data/evaluation, reports/training, reports/experiments.csv, reports/robustness.csv, and crops and landmarks of the training set
    -> reports/index.html, reports/tables/table<n>.csv, reports/pseudo_fakes.png."""
    data, reports, name = Path("data"), Path("reports"), params.train.dataset
    files = ReportFiles(data / "evaluation", reports / "training", reports / "experiments.csv", reports / "robustness.csv")
    write_paper_tables(read_experiments(files.experiments), params, reports / "tables")
    write_robustness_table(read_table(files.robustness, RobustnessRow._fields), params, reports / "tables")
    examples = training_examples(data / "crops" / name, data / "landmarks" / f"{name}.h5", data / "index" / f"{name}.csv", params)
    cv2.imwrite("reports/pseudo_fakes.png", contact_sheet(*examples, LARGE_TILE)[..., ::-1])
    build_report(files, contact_sheet(*examples, TILE), params, collect_provenance(params), reports / "index.html")
    print(f"report: {reports / 'index.html'}")


if __name__ == "__main__":
    run_stage(report)
