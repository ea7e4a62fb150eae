"""Cells of the paper's tables, in per cent: the paper's number, and ours or the reason why there is none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from laanet_core.datasets.layouts import layout_name
from laanet_core.params import Params
from laanet_core.reporting.paper.experiments import Experiment
from laanet_core.reporting.paper.published import AVERAGE, PAPER_NAMES, Figures

RUN, NOT_RUN, UNDEFINED, UNCLEAR = "run", "not run", "undefined", "marks unclear"
"""`undefined`: run, but without an AUC, for example with videos of one class; `marks unclear`: the paper does not say what to run."""

_COMPRESSION = "c23"
_DECIMALS = 4


class Column(NamedTuple):
    """One data set of a table. ours: its key in params.yaml, None if it is not there; layout: the paper's data set (name of its folder
    layout), empty if it is not in the paper."""

    ours: str | None
    layout: str

    @property
    def dataset(self) -> str:
        """Our key, or the paper's data set if we do not have it."""
        return self.ours or self.layout

    @property
    def name(self) -> str:
        """The paper's name, or our key if it is not in the paper."""
        return PAPER_NAMES.get(self.layout, self.dataset)


AVERAGE_COLUMN = Column(AVERAGE, "")


class Cell(NamedTuple):
    """One cell of a table. dataset, name: those of the `Column`, or of the average; ours_low, ours_high: 95 % interval of ours_auc;
    n_real, n_fake: numbers of videos; coverage: share of them that was scored; status: one of the constants above; experiment: name of
    the experiment that gave our numbers."""

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
    """The paper's data sets, each with our first data set of that layout at c23 compression (as in the paper), then our other data sets."""
    ours = {name: layout_name(name, dataset) for name, dataset in params.datasets.items() if dataset.compression == _COMPRESSION}
    columns = [Column(next((name for name, used in ours.items() if used == layout), None), layout) for layout in paper]
    matched = {column.ours for column in columns}
    return columns + [Column(name, "") for name in params.datasets if name not in matched]


def cell(column: Column, found: Experiment | None, auc: Figures, ap: Figures) -> Cell:
    """The cell of a data set. found: our experiment, None if there is none; auc, ap: the paper's numbers by data set."""
    blank = Cell(column.dataset, column.name, auc.get(column.layout), paper_ap=ap.get(column.layout))
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
    """The mean over cells; ours is only defined if all cells have our number. paper: the mean printed in the paper."""
    blank = Cell(column.dataset, column.name, paper)
    missing = [item.status for item in cells if item.ours_auc is None]
    if missing:
        return blank._replace(status=missing[0])
    values = [item.ours_auc for item in cells if item.ours_auc is not None]
    return blank._replace(ours_auc=round(sum(values) / len(values), _DECIMALS), status=RUN)


def percent(fraction: float | None) -> float | None:
    """A fraction in per cent."""
    return None if fraction is None else round(100 * fraction, _DECIMALS)
