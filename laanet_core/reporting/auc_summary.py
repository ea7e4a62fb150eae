"""What the measures of a data set amount to, in one sentence."""

from __future__ import annotations

from typing import NamedTuple

from laanet_core.reporting.results import DatasetResult

CHANCE = 0.5


class AucSummary(NamedTuple):
    """What the AUC of a data set amounts to: `kind` is good, bad or open."""

    kind: str
    text: str


def summarise_auc(result: DatasetResult) -> AucSummary:
    """One sentence on whether fakes are told from reals, by where the 95 % interval of the AUC lies."""
    area, low, high = (result.metrics[key] for key in ("auc", "auc_low", "auc_high"))
    if area is None:
        return AucSummary("open", f"No verdict: {result.note}.")
    if low is None or high is None:
        return AucSummary("open", "No verdict: no interval was computed (evaluate.bootstrap is 0).")
    if low > CHANCE:
        return AucSummary("good", f"Better than chance: of a fake and a real video, the fake scores higher {100 * area:.0f} times in 100.")
    if high < CHANCE:
        return AucSummary("bad", "Worse than chance: real videos get the higher scores.")
    return AucSummary("open", "Not told from chance: the interval includes 0.5.")
