"""Layout of the paper's tables on the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from laanet_core.params import Params
from laanet_core.reporting.paper import published
from laanet_core.reporting.paper.cells import columns_of
from laanet_core.reporting.paper.published import PAPER, Published
from laanet_core.reporting.paper.tables import PaperTable, Row
from laanet_core.reporting.results import DatasetResult

NETWORKS = {
    published.SBI_BASELINE: "SBI baseline [41]",
    published.LAANET_BI: "LAA-Net with BI",
    published.LAANET_SBI: "LAA-Net with SBI",
}
"""The methods of Table 1 that experiments may run, and their names on the page; the paper calls LAA-Net 'Ours'."""
LABELS = {1: "network", 3: "parts", 4: "row", 5: "λ₁, λ₂"}
MARKS = {1: (), 3: (), 4: ("pyramid", "levels"), 5: ()}
"""By number of the table: heading of its first column, and the marks of a row that the page shows in further columns."""


class Head(NamedTuple):
    """Heading of a column. paper: whether the paper has numbers for it."""

    name: str
    paper: bool


class TableView(NamedTuple):
    """A table of experiments. label: heading of the first column; rows: those that experiments may fill; others: methods only in the
    paper."""

    number: int
    title: str
    label: str
    marks: tuple[str, ...]
    heads: list[Head]
    rows: list[Row]
    others: list[Row]
    has_ap: bool


class ThisRun(NamedTuple):
    """A row of Table 1 for this run. paper: None for a data set that is not in the paper; ours: None if it was not run."""

    title: str
    paper: Published | None
    ours: DatasetResult | None


def table_view(table: PaperTable) -> TableView:
    """The layout of one of the paper's tables."""
    paper = [any(row.cells[place].paper_auc is not None for row in table.rows) for place in range(len(table.rows[0].cells))]
    heads = [Head(cell.name, in_paper) for cell, in_paper in zip(table.rows[0].cells, paper, strict=True)]
    rows, others = table.rows, []
    if table.number == 1:
        rows = [row._replace(label=NETWORKS[row.label]) for row in reversed(table.rows) if row.label in NETWORKS]
        others = [row for row in table.rows if row.label not in NETWORKS]
    has_ap = any(cell.paper_ap is not None for row in table.rows for cell in row.cells)
    return TableView(table.number, table.title, LABELS[table.number], MARKS[table.number], heads, rows, others, has_ap)


def this_run(results: Sequence[DatasetResult], params: Params) -> list[ThisRun]:
    """The paper's data sets, each with our result if there is one, then our other data sets."""
    by_name: Mapping[str, DatasetResult] = {result.name: result for result in results}
    papers = {item.layout: item for item in PAPER}
    rows = []
    for column in columns_of(params, list(papers)):
        paper = papers.get(column.layout)
        rows.append(ThisRun(paper.title if paper else column.dataset, paper, by_name[column.ours] if column.ours else None))
    return rows
