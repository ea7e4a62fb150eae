"""Build the HTML report: `python -m stages.report`."""

from pathlib import Path

from laanet_core.evaluation.robustness.measure import RobustnessRow
from laanet_core.media.storage.shards import encode_png
from laanet_core.params import Params, read_params
from laanet_core.reporting.page import ReportFiles, build_report
from laanet_core.reporting.paper.experiments import read_experiments
from laanet_core.reporting.paper.robustness import write_robustness_table
from laanet_core.reporting.paper.tables import write_paper_tables
from laanet_core.reporting.training_examples import training_examples
from laanet_core.store.csv_io import read_table
from laanet_core.store.writing import write_bytes
from laanet_core.synthesis.contact_sheet import contact_sheet
from stages.provenance import collect_provenance
from stages.run_consistency import check_lock
from stages.runner import PARAMS, run_stage

TILE, LARGE_TILE = 144, 256


def report(params: Params, out: Path) -> None:
    """data/evaluation, reports/training, reports/experiments.csv, reports/robustness.csv, and crops and landmarks of the training set
    -> reports/index.html, reports/tables/table<n>.csv, reports/pseudo_fakes.png.

    As the last stage, it also checks that all stages in dvc.lock are consistent.
    """
    check_lock(params, read_params(PARAMS))
    data, reports, name = Path("data"), Path("reports"), params.train.dataset
    files = ReportFiles(data / "evaluation", reports / "training", reports / "experiments.csv", reports / "robustness.csv")
    write_paper_tables(read_experiments(files.experiments), params, out / "reports/tables")
    write_robustness_table(read_table(files.robustness, RobustnessRow._fields), params, out / "reports/tables")
    examples = training_examples(data / "crops" / name, data / "landmarks" / f"{name}.h5", data / "index" / f"{name}.csv", params)
    write_bytes(out / "reports/pseudo_fakes.png", encode_png(contact_sheet(*examples, LARGE_TILE)))
    build_report(files, contact_sheet(*examples, TILE), params, collect_provenance(params), out / "reports/index.html")
    print(f"report: {reports / 'index.html'}")


if __name__ == "__main__":
    run_stage(report)
