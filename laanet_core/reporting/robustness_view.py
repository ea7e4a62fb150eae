"""Table 2 of the paper as the page lays it out: our AUC under each corruption by severity, their mean, and the paper's figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from laanet_core.evaluation.robustness.measure import NO_CORRUPTION, RobustnessRow
from laanet_core.params import Params
from laanet_core.reporting.paper.published import LAANET, TABLE2
from laanet_core.reporting.paper.robustness import Robustness, robustness_table

SEVERITIES = range(1, 6)


class RobustnessLine(NamedTuple):
    """One corruption. rows: by severity 1 to 5, None where not run; whole: our mean over them; paper: its AUC on FF++ in per cent."""

    corruption: str
    rows: list[RobustnessRow | None]
    whole: Robustness
    paper: float

    @property
    def measured(self) -> list[RobustnessRow]:
        """The rows with an AUC."""
        return [row for row in self.rows if row is not None and row.auc is not None]


class RobustnessView(NamedTuple):
    """dataset: whose crops are corrupted; clean: the same crops as they are, None where nothing was run."""

    dataset: str
    clean: RobustnessRow | None
    lines: list[RobustnessLine]


def robustness_view(rows: Sequence[Mapping[str, str]], params: Params) -> RobustnessView:
    """The layout of the rows of robustness.csv; no row says that nothing was run."""
    found = {(row.corruption, row.severity): row for row in map(_typed, rows)}
    cells = {cell.corruption: cell for cell in robustness_table(rows, params) if (cell.row, cell.dataset) == (LAANET, _ours(params))}
    paper = next(method.auc for method in TABLE2 if method.name == LAANET)
    lines = [RobustnessLine(kind, [found.get((kind, level)) for level in SEVERITIES], cells[kind], paper[kind]) for kind in paper]
    return RobustnessView(_ours(params), found.get((NO_CORRUPTION, 0)), lines)


def _ours(params: Params) -> str:
    return params.robustness.dataset


def _typed(row: Mapping[str, str]) -> RobustnessRow:
    auc, low, high, ap, coverage = (float(row[name]) if row[name] else None for name in ("auc", "auc_low", "auc_high", "ap", "coverage"))
    severity, n_real, n_fake = (int(row[name]) for name in ("severity", "n_real", "n_fake"))
    return RobustnessRow(row["dataset"], row["corruption"], severity, n_real, n_fake, auc, low, high, ap, coverage)
