"""The report: one self-contained HTML page, readable offline."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from laanet_core.datasets.layouts import layout_name
from laanet_core.evaluation.by_bin import spread
from laanet_core.evaluation.robustness.corruption import SEVERITIES
from laanet_core.evaluation.robustness.measure import RobustnessRow
from laanet_core.params import DatasetParams, Params
from laanet_core.reporting.auc_summary import summarise_auc
from laanet_core.reporting.dataset_pictures import quality_pictures, score_pictures, spread_picture
from laanet_core.reporting.faces import faces_of
from laanet_core.reporting.measure_names import MEASURE_NAMES
from laanet_core.reporting.page_templates import ROWS_SHOWN, page_template
from laanet_core.reporting.paper.experiments import read_experiments
from laanet_core.reporting.paper.published import TABLE2
from laanet_core.reporting.paper.tables import paper_tables
from laanet_core.reporting.pictures import sheet_picture
from laanet_core.reporting.provenance import Provenance
from laanet_core.reporting.results import DatasetResult, read_json, read_log, read_result
from laanet_core.reporting.robustness_view import robustness_view
from laanet_core.reporting.run_pictures import robustness_picture, training_pictures
from laanet_core.reporting.table_views import table_view, this_run
from laanet_core.store.csv_io import read_table
from laanet_core.store.writing import write_text
from laanet_core.types import Image

DEMO_ROOT = "data/raw/demo"
CHECKPOINTS = Path("data/checkpoints")

Context = dict[str, Any]


@dataclass(frozen=True)
class ReportFiles:
    """Inputs of the page. evaluation: folder with one folder per data set; training: folder with log.csv and metrics.json;
    experiments, robustness: CSV files, with only a header if nothing was run."""

    evaluation: Path
    training: Path
    experiments: Path
    robustness: Path


def build_report(files: ReportFiles, sheet: Image | None, params: Params, provenance: Provenance, out: Path) -> None:
    """Write the page to `out`; equal inputs give equal bytes, and `provenance` only affects the section about the run.

    sheet: RGB contact sheet of pseudo-fakes, None if there is none. The sheet and the training curves are left out if the scored
    network was not trained here. Raises LaanetError if results are missing.
    """
    results = [read_result(name, files.evaluation / name) for name in params.datasets]
    page = page_template("page.html.j2").render(
        params=params, results=results, provenance=provenance, rows_shown=ROWS_SHOWN,
        **_overview(results, params), **_paper(results, files, params), **_datasets(results), **_training(files.training, sheet, params),
    )  # fmt: skip
    write_text(out, page)


def is_demo(dataset: DatasetParams) -> bool:
    """Whether a data set is the embedded demo."""
    return os.path.normpath(dataset.root) == DEMO_ROOT


def trained_here(params: Params) -> bool:
    """Whether the scored network is the output of the training stage."""
    return Path(params.evaluate.checkpoint).parent == CHECKPOINTS


def scorings(results: Sequence[DatasetResult]) -> list[tuple[list[str], Context]]:
    """Each distinct content of scoring.json, with the names of the data sets that have it."""
    groups: list[tuple[list[str], Context]] = []
    for result in results:
        same = [names for names, scoring in groups if scoring == result.scoring]
        if same:
            same[0].append(result.name)
        else:
            groups.append(([result.name], result.scoring))
    return groups


def _overview(results: Sequence[DatasetResult], params: Params) -> Context:
    return {
        "demos": [result for result in results if is_demo(params.datasets[result.name])],
        "summaries": {result.name: summarise_auc(result) for result in results},
        "layouts": {name: layout_name(name, dataset) for name, dataset in params.datasets.items()},
        "scorings": scorings(results),
        "trained_here": trained_here(params),
    }


def _paper(results: Sequence[DatasetResult], files: ReportFiles, params: Params) -> Context:
    """Values for the tables of the paper and its Figure 1."""
    experiments = paper_tables(read_experiments(files.experiments), params)
    robustness = robustness_view(read_table(files.robustness, RobustnessRow._fields), params)
    return {
        "this_run": this_run(results, params),
        "experiments": experiments,
        "tables": {table.number: table_view(table) for table in experiments.tables},
        "robustness": robustness,
        "robustness_paper": TABLE2,
        "robustness_picture": robustness_picture(robustness),
        "severities": SEVERITIES,
        "spread_picture": spread_picture(results),
    }


def _datasets(results: Sequence[DatasetResult]) -> Context:
    """Values for the sections about single data sets, by name of the data set."""
    return {
        "names": MEASURE_NAMES,
        "quality": {result.name: quality_pictures(result) for result in results},
        "spreads": {result.name: spread(item.auc for item in result.bins) for result in results},
        "charts": {result.name: score_pictures(result) for result in results},
        "faces": {result.name: faces_of(result) for result in results},
    }


def _training(folder: Path, sheet: Image | None, params: Params) -> Context:
    if not trained_here(params):
        return {"training": [], "sheet": None}
    metrics = read_json(folder / "metrics.json")
    shown = None if sheet is None else sheet_picture(sheet, params.synthesis.method, metrics["crops_left_out"])
    return {"training": training_pictures(read_log(folder / "log.csv"), metrics), "sheet": shown}
