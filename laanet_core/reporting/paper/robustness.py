"""Table 2 of the paper: AUC under corruption, with our mean over the severities next to the paper's figure; per cent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from laanet_core.evaluation.robustness.corruption import NO_CORRUPTION
from laanet_core.params import Params
from laanet_core.reporting.paper.cells import NOT_RUN, RUN, UNDEFINED, Column, columns_of, percent
from laanet_core.reporting.paper.published import LAANET, TABLE2, Robust
from laanet_core.store.csv_io import write_table

PAPER_DATASET = "ffpp"

Row = Mapping[str, str]


class Robustness(NamedTuple):
    """One cell of Table 2.

    fake: whether the method was trained on the data set's fakes; dataset, name: as in `Column`; paper_auc: None if the paper has no such
    cell; ours_auc: mean over the severities that were run; ours_lowest, ours_highest: lowest and highest AUC of these severities; n_real,
    n_fake: number of scored videos; coverage: scored videos in per cent of all.
    """

    table: int
    row: str
    fake: str
    corruption: str
    dataset: str
    name: str
    paper_auc: float | None
    ours_auc: float | None = None
    ours_lowest: float | None = None
    ours_highest: float | None = None
    severities: str = ""
    n_real: int | None = None
    n_fake: int | None = None
    coverage: float | None = None
    status: str = NOT_RUN


def robustness_table(rows: Sequence[Row], params: Params) -> list[Robustness]:
    """Table 2 from the rows of robustness.csv, ordered by method, corruption and data set (the paper's, then ours).

    The paper's corruptions come first. Others have cells only where we ran them, without a figure of the paper.
    """
    columns = [column for column in columns_of(params, [PAPER_DATASET]) if column.layout or column.ours == params.robustness.dataset]
    corruptions = dict.fromkeys([*TABLE2[0].auc, *(row["corruption"] for row in rows if row["corruption"] != NO_CORRUPTION)])
    cells = [_cell(method, corruption, column, rows) for method in TABLE2 for corruption in corruptions for column in columns]
    return [cell for cell in cells if cell.corruption in TABLE2[0].auc or cell.status != NOT_RUN]


def write_robustness_table(rows: Sequence[Row], params: Params, out: Path) -> None:
    """Write table2.csv into the folder `out`."""
    write_table(out / "table2.csv", Robustness._fields, (cell._asdict() for cell in robustness_table(rows, params)))


def _cell(method: Robust, corruption: str, column: Column, rows: Sequence[Row]) -> Robustness:
    """The cell of a method, a corruption and a data set; only the row of LAA-Net has figures of ours."""
    paper = method.auc.get(corruption) if column.layout else None
    blank = Robustness(2, method.name, "yes" if method.fake else "no", corruption, column.dataset, column.name, paper)
    found = [row for row in rows if (row["dataset"], row["corruption"]) == (column.ours, corruption)] if method.name == LAANET else []
    if not found:
        return blank
    run = blank._replace(severities=",".join(row["severity"] for row in found), **_video_counts(found[0]))
    if not all(row["auc"] for row in found):
        return run._replace(status=UNDEFINED)
    values = [float(row["auc"]) for row in found]
    mean, lowest, highest = sum(values) / len(values), min(values), max(values)
    return run._replace(ours_auc=percent(mean), ours_lowest=percent(lowest), ours_highest=percent(highest), status=RUN)


def _video_counts(row: Row) -> dict[str, Any]:
    """Numbers of scored videos and their coverage, which are the same under each corruption."""
    coverage = float(row["coverage"]) if row["coverage"] else None
    return {"n_real": int(row["n_real"]), "n_fake": int(row["n_fake"]), "coverage": percent(coverage)}
