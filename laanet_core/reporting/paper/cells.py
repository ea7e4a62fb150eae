"""Cells of the paper's tables: the paper's figure, ours, or why there is none of ours. Per cent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from laanet_core.params import Params
from laanet_core.reporting.paper.experiments import Experiment, layout_of
from laanet_core.reporting.paper.published import AVERAGE, PAPER_NAMES, Figures

RUN, NOT_RUN, UNDEFINED, UNCLEAR = "run", "not run", "undefined", "marks unclear"
"""`undefined`: run, but without an AUC, as for videos of one class; `marks unclear`: it is not known what would have to be run."""

_COMPRESSION = "c23"
_DECIMALS = 4


class Column(NamedTuple):
    """One data set of a table. ours: its key, None where we have none; adapter: the paper's data set, empty where it is only ours."""

    ours: str | None
    adapter: str

    @property
    def dataset(self) -> str:
        """Our key, or else the paper's data set."""
        return self.ours or self.adapter

    @property
    def name(self) -> str:
        """The paper's name, or else our key."""
        return PAPER_NAMES.get(self.adapter, self.dataset)


AVERAGE_COLUMN = Column(AVERAGE, "")


class Cell(NamedTuple):
    """One figure of a table. dataset, name: as of `Column`, or the average; ours_low, ours_high: 95 % interval of ours_auc;
    n_real, n_fake: videos, of which coverage were scored; status: one of those above; experiment: whose figures ours are."""

    dataset: str
    name: str
    paper_auc: float | None
    ours_auc: float | None = None
    ours_low: float | None = None
    ours_high: float | None = None
    paper_ap: float | None = None
    ours_ap: float | None = None
    n_real: int | None = None
    n_fake: int | None = None
    coverage: float | None = None
    status: str = NOT_RUN
    experiment: str = ""


def columns_of(params: Params, paper: Iterable[str]) -> list[Column]:
    """The paper's data sets, each with the first of ours of that layout (at c23, as the paper's are), then our others."""
    ours = {name: layout_of(name, dataset) for name, dataset in params.datasets.items() if dataset.compression == _COMPRESSION}
    columns = [Column(next((name for name, adapter in ours.items() if adapter == wanted), None), wanted) for wanted in paper]
    taken = {column.ours for column in columns}
    return columns + [Column(name, "") for name in params.datasets if name not in taken]


def cell(column: Column, found: Experiment | None, auc: Figures, ap: Figures) -> Cell:
    """A data set's cell. found: our experiment for it; auc, ap: the paper's figures by data set."""
    blank = Cell(column.dataset, column.name, auc.get(column.adapter), paper_ap=ap.get(column.adapter))
    if found is None:
        return blank
    return blank._replace(
        ours_auc=percent(found.auc),
        ours_low=percent(found.auc_low),
        ours_high=percent(found.auc_high),
        ours_ap=percent(found.ap),
        n_real=found.n_real,
        n_fake=found.n_fake,
        coverage=percent(found.coverage),
        status=UNDEFINED if found.auc is None else RUN,
        experiment=found.experiment,
    )


def average(cells: Sequence[Cell], paper: float | None, column: Column) -> Cell:
    """The mean of cells, ours only where each of them has a figure of ours. paper: the mean that the paper prints."""
    blank = Cell(column.dataset, column.name, paper)
    lacking = [item.status for item in cells if item.ours_auc is None]
    if lacking:
        return blank._replace(status=lacking[0])
    values = [item.ours_auc for item in cells if item.ours_auc is not None]
    return blank._replace(ours_auc=round(sum(values) / len(values), _DECIMALS), status=RUN)


def percent(fraction: float | None) -> float | None:
    """A fraction in per cent."""
    return None if fraction is None else round(100 * fraction, _DECIMALS)
