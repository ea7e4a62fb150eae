"""Summary of the AUC of a data set in one sentence."""

from __future__ import annotations

from typing import NamedTuple

from laanet_core.reporting.results import DatasetResult

CHANCE = 0.5


class AucSummary(NamedTuple):
    """Summary of an AUC. kind: good (better than chance), bad (worse than chance) or open (undecided); text: one sentence."""

    kind: str
    text: str


def summarise_auc(result: DatasetResult) -> AucSummary:
    """Whether the detector is better than chance, from the 95 % interval of the AUC."""
    area, low, high = (result.metrics[key] for key in ("auc", "auc_low", "auc_high"))
    if area is None:
        return AucSummary("open", f"No conclusion: {result.note}.")
    if low is None or high is None:
        return AucSummary("open", "No conclusion: no interval was computed (evaluate.bootstrap is 0).")
    if low > CHANCE:
        return AucSummary(
            "good", f"Better than chance: a random fake scores higher than a random real video in {100 * area:.0f} % of cases."
        )
    if high < CHANCE:
        return AucSummary("bad", "Worse than chance: real videos tend to score higher than fakes.")
    return AucSummary("open", "Not distinguishable from chance: the interval of the AUC includes 0.5.")
