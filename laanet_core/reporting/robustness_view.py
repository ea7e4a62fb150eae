"""Table 2 as the page shows it: our AUC under each corruption by severity, the mean over the severities, and the paper's figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from laanet_core.evaluation.robustness.corruption import NO_CORRUPTION, SEVERITIES
from laanet_core.evaluation.robustness.measure import RobustnessRow
from laanet_core.params import Params
from laanet_core.reporting.paper.published import LAANET, TABLE2
from laanet_core.reporting.paper.robustness import Robustness, robustness_table


class RobustnessLine(NamedTuple):
    """One corruption. rows: by severity from 1 to 5, None if not run; mean: the cell of Table 2 with our mean over the severities; paper:
    the paper's AUC on FF++ in per cent, None for a corruption that the paper does not have."""

    corruption: str
    rows: list[RobustnessRow | None]
    mean: Robustness
    paper: float | None

    @property
    def measured(self) -> list[RobustnessRow]:
        """The rows with an AUC."""
        return [row for row in self.rows if row is not None and row.auc is not None]


class RobustnessView(NamedTuple):
    """dataset: key of the data set whose crops are corrupted; clean: measures of its clean crops, None if nothing was run; lines: the
    paper's corruptions, then the others that were run."""

    dataset: str
    clean: RobustnessRow | None
    lines: list[RobustnessLine]


def robustness_view(rows: Sequence[Mapping[str, str]], params: Params) -> RobustnessView:
    """Lay out the rows of robustness.csv, which are none if nothing was run."""
    dataset = params.robustness.dataset
    found = {(row.corruption, row.severity): row for row in map(_typed, rows)}
    cells = [cell for cell in robustness_table(rows, params) if (cell.row, cell.dataset) == (LAANET, dataset)]
    paper = next(method.auc for method in TABLE2 if method.name == LAANET)
    lines = [
        RobustnessLine(cell.corruption, [found.get((cell.corruption, level)) for level in SEVERITIES], cell, paper.get(cell.corruption))
        for cell in cells
    ]
    return RobustnessView(dataset, found.get((NO_CORRUPTION, 0)), lines)


def _typed(row: Mapping[str, str]) -> RobustnessRow:
    auc, low, high, ap, coverage = (float(row[name]) if row[name] else None for name in ("auc", "auc_low", "auc_high", "ap", "coverage"))
    severity, n_real, n_fake = (int(row[name]) for name in ("severity", "n_real", "n_fake"))
    return RobustnessRow(row["dataset"], row["corruption"], severity, n_real, n_fake, auc, low, high, ap, coverage)
