"""Tables 1, 3, 4 and 5 of the paper, with our experiments next to the paper's numbers, in per cent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from laanet_core.params import Params
from laanet_core.reporting.paper import published
from laanet_core.reporting.paper.cells import AVERAGE_COLUMN, UNCLEAR, Cell, Column, average, cell, columns_of
from laanet_core.reporting.paper.experiments import Experiment, rest_digest
from laanet_core.reporting.paper.published import AVERAGE, Figures
from laanet_core.reporting.paper.settings import Setting, make_setting, setting_of
from laanet_core.store.csv_io import write_table

FULL_LEVELS = (6, 5, 4, 3)
BOTH_HEADS = frozenset({"consistency", "heatmap"})
MISPRINT = "the paper repeats the first row's marks here; this must be C alone or E-FPN alone"
NOT_IN_PAPER = "not in the paper"


class Row(NamedTuple):
    """A row of a table. marks: column -> text of the cell; cells: one per data set of the paper, one for each further data set of ours,
    and the average if the paper has one."""

    label: str
    marks: dict[str, str]
    cells: list[Cell]
    note: str = ""


class PaperTable(NamedTuple):
    """One table. number: its number in the paper."""

    number: int
    title: str
    rows: list[Row]


class PaperTables(NamedTuple):
    """tables: 1, 3, 4 and 5; used: number of rows of experiments.csv with the current parameters; left_out: number of all other rows."""

    tables: list[PaperTable]
    used: int
    left_out: int


class _Runs(NamedTuple):
    """The experiments that the tables may contain. found: (data set, setting) -> the last such experiment in the file."""

    params: Params
    found: Mapping[tuple[str | None, Setting | None], Experiment]

    def columns(self, paper: Iterable[str]) -> list[Column]:
        return columns_of(self.params, [name for name in paper if name != AVERAGE])

    def cells(self, setting: Setting | None, columns: Sequence[Column], auc: Figures, ap: Figures | None = None) -> list[Cell]:
        """The cells of a row; setting: that of the row's network, None if the row is not a network of this project."""
        return [cell(column, self.found.get((column.ours, setting)), auc, ap or {}) for column in columns]

    def setting(self, pyramid: str, levels: Sequence[int], heads: frozenset[str], method: str = "sbi") -> Setting:
        return make_setting(pyramid, levels, heads, (self.params.lambda1, self.params.lambda2), method)


def paper_tables(experiments: Sequence[Experiment], params: Params) -> PaperTables:
    """Tables 1, 3, 4 and 5 from the rows of experiments.csv.

    Only experiments whose other parameters equal the current ones are used; if several match a cell, the last one in the file is used.
    Parameters that a table does not vary are the paper's network, SBI fakes and, except in Table 5, the current lambda1 and lambda2.
    """
    current = {name: rest_digest(params, name) for name in params.datasets}
    used = [item for item in experiments if item.rest == current.get(item.dataset)]
    runs = _Runs(params, {(item.dataset, setting_of(item)): item for item in used})
    makers: list[Callable[[_Runs], PaperTable]] = [_table1, _table3, _table4, _table5]
    return PaperTables([maker(runs) for maker in makers], len(used), len(experiments) - len(used))


def write_paper_tables(experiments: Sequence[Experiment], params: Params, out: Path) -> None:
    """Write table1.csv, table3.csv, table4.csv and table5.csv, with one line per row and data set."""
    for table in paper_tables(experiments, params).tables:
        marks = list(table.rows[0].marks)
        lines = (
            {"table": table.number, "row": row.label, **row.marks, **item._asdict(), "note": row.note}
            for row in table.rows
            for item in row.cells
        )
        write_table(out / f"table{table.number}.csv", ["table", "row", *marks, *Cell._fields, "note"], lines)


def _table1(runs: _Runs) -> PaperTable:
    ours = {
        published.LAANET_SBI: runs.setting("efpn", FULL_LEVELS, BOTH_HEADS, "sbi"),
        published.LAANET_BI: runs.setting("efpn", FULL_LEVELS, BOTH_HEADS, "bi"),
        published.SBI_BASELINE: runs.setting("none", FULL_LEVELS, frozenset(), "sbi"),
    }
    columns = runs.columns(published.PAPER_NAMES)
    rows = []
    for method in published.TABLE1:
        marks = {"real": _mark(method.real), "fake": _mark(method.fake)}
        rows.append(Row(method.name, marks, runs.cells(ours.get(method.name), columns, method.auc, method.ap)))
    return PaperTable(1, "In- and cross-data-set evaluation", rows)


def _table3(runs: _Runs) -> PaperTable:
    columns = runs.columns(published.TABLE3[0].auc)
    printed = [_ablation_row(item, columns, runs) for item in published.TABLE3]
    others = [published.Ablation(True, False, False, {}), published.Ablation(False, False, True, {})]
    added = [_ablation_row(item, columns, runs)._replace(note=NOT_IN_PAPER) for item in others]
    return PaperTable(3, "Ablation of consistency branch (C), heat-map branch (H) and E-FPN", printed + added)


def _ablation_row(item: published.Ablation, columns: Sequence[Column], runs: _Runs) -> Row:
    heads = frozenset(head for head, there in (("consistency", item.consistency), ("heatmap", item.heatmap)) if there)
    setting = None if item.misprinted else runs.setting("efpn" if item.efpn else "none", FULL_LEVELS, heads)
    cells = runs.cells(setting, columns, item.auc)
    if item.misprinted:
        cells = [part._replace(status=UNCLEAR) for part in cells]
    marks = {"consistency": _mark(item.consistency), "heatmap": _mark(item.heatmap), "efpn": _mark(item.efpn)}
    named = [name for name, there in (("C", item.consistency), ("H", item.heatmap), ("E-FPN", item.efpn)) if there]
    return Row(" + ".join(named) or "none", marks, _with_average(cells, columns, item.auc), MISPRINT if item.misprinted else "")


def _table4(runs: _Runs) -> PaperTable:
    columns = runs.columns(published.TABLE4[0].efpn)
    rows = [row for item in published.TABLE4 for row in _level_rows(item, columns, runs)]
    printed = {"fpn": published.TABLE4_AVERAGE.fpn, "efpn": published.TABLE4_AVERAGE.efpn}
    means = [_mean_row(pyramid, paper, rows, columns) for pyramid, paper in printed.items()]
    return PaperTable(4, "Traditional FPN and E-FPN by levels", rows + means)


def _level_rows(item: published.Levels, columns: Sequence[Column], runs: _Runs) -> list[Row]:
    figures = {"both": item.efpn} if item.levels == (6,) else {"fpn": item.fpn, "efpn": item.efpn}
    levels = ",".join(map(str, item.levels))
    return [
        Row(item.row, {"pyramid": name, "levels": levels}, runs.cells(runs.setting(name, item.levels, BOTH_HEADS), columns, auc))
        for name, auc in figures.items()
    ]


def _mean_row(pyramid: str, paper: Figures, rows: Sequence[Row], columns: Sequence[Column]) -> Row:
    """The mean over the rows of a pyramid; the row of F6 alone belongs to both pyramids."""
    lines = [row.cells for row in rows if row.marks["pyramid"] in {"both", pyramid}]
    cells = [average(cells, paper.get(column.layout), column) for column, *cells in zip(columns, *lines, strict=True)]
    return Row(AVERAGE, {"pyramid": pyramid, "levels": ""}, cells)


def _table5(runs: _Runs) -> PaperTable:
    columns = runs.columns(published.TABLE5[0].auc)
    rows = []
    for item in published.TABLE5:
        setting = make_setting("efpn", FULL_LEVELS, BOTH_HEADS, (item.lambda1, item.lambda2), "sbi")
        cells = _with_average(runs.cells(setting, columns, item.auc), columns, item.auc)
        marks = {"lambda1": f"{item.lambda1:g}", "lambda2": f"{item.lambda2:g}"}
        rows.append(Row(f"{item.lambda1:g}, {item.lambda2:g}", marks, cells))
    return PaperTable(5, "Sensitivity to lambda1 and lambda2", rows)


def _with_average(cells: list[Cell], columns: Sequence[Column], paper: Figures) -> list[Cell]:
    """The cells, followed by their mean over the paper's data sets."""
    of_paper = [item for item, column in zip(cells, columns, strict=True) if column.layout]
    return [*cells, average(of_paper, paper.get(AVERAGE), AVERAGE_COLUMN)]


def _mark(there: bool) -> str:
    return "yes" if there else "no"
