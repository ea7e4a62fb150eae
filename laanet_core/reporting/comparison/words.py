"""Texts of a comparison of detectors, for the terminal and the HTML page."""

from __future__ import annotations

from laanet_core.evaluation.by_bin import Spread
from laanet_core.reporting.comparison.compare import Comparison, Estimate
from laanet_core.reporting.comparison.matching import Matched, Unmatched
from laanet_core.reporting.measure_names import MEASURE_NAMES
from laanet_core.text import counted

SHORT = {key: name.title.partition(" (")[0] for key, name in MEASURE_NAMES.items()}
FORMULAS = "F1: mean of the F1 scores of both classes; mF1: 2 AP AR / (AP + AR), the published formula"
LOWER = ", ".join(SHORT[key] for key, name in MEASURE_NAMES.items() if not name.rises)
NONE = "-"
IDS_SHOWN = 5


def own(estimate: Estimate) -> str:
    """A measure with its interval."""
    return _with_ends(estimate.value, estimate.low, estimate.high, "")


def difference(estimate: Estimate) -> str:
    """The difference from the first detector with its interval."""
    return _with_ends(estimate.difference, estimate.difference_low, estimate.difference_high, "+")


def spread_words(spread: Spread) -> str:
    """Lowest and highest AUC of the bins."""
    return NONE if spread.lowest is None or spread.highest is None else f"{spread.lowest:.3f} to {spread.highest:.3f}"


def auc_difference(comparison: Comparison, number: int) -> str:
    """One sentence on whether the AUC of a detector differs from that of the first."""
    first, name, area = comparison.names[0], comparison.names[number], comparison.overall.estimates[number]["auc"]
    if area.difference is None:
        return f"{name} and {first}: no AUC to compare."
    if area.difference_low is None:
        return f"{name} minus {first}: AUC {area.difference:+.3f}, without an interval (no resamples)."
    outcome = "the interval excludes 0, so they differ" if area.differs else "the interval includes 0, so no difference is shown"
    return f"{name} minus {first}: AUC {difference(area)}; {outcome}."


def compared(comparison: Comparison) -> str:
    """Numbers of videos and detectors, and the settings of the comparison."""
    overall, settings = comparison.overall, comparison.settings
    videos, count = counted(len(comparison.matched.videos), "video"), len(comparison.names)
    detectors = "both detectors" if count == 2 else f"all {count} detectors"
    scored = f"{videos} ({overall.n_real} real, {overall.n_fake} fake) scored by {detectors}"
    resamples = counted(settings.resamples, "resample")
    intervals = f"95 % bootstrap intervals over videos ({resamples}, seed {settings.seed})" if settings.resamples else "no intervals"
    return f"{scored}; threshold {settings.threshold:g}; {intervals}"


def lacking(matched: Matched, name: str) -> str:
    """Number and first names of the videos without a score of this detector; empty if there are none."""
    items = matched.lacking(name)
    absent, failed = ([item for item in items if item.why == why] for why in ("absent", "not scored"))
    return ", ".join(filter(None, [_some(absent, "not in its file"), _some(failed, "not scored")]))


def _some(items: list[Unmatched], what: str) -> str:
    if not items:
        return ""
    ids = [item.video_id + (f": {item.status}" if item.status else "") for item in items[:IDS_SHOWN]]
    more = f" and {len(items) - IDS_SHOWN} more" if len(items) > IDS_SHOWN else ""
    return f"{len(items)} {what} ({', '.join(ids)}{more})"


def _with_ends(value: float | None, low: float | None, high: float | None, sign: str) -> str:
    if value is None:
        return NONE
    ends = "" if low is None or high is None else f" [{_signed(low, sign)}, {_signed(high, sign)}]"
    return _signed(value, sign) + ends


def _signed(value: float, sign: str) -> str:
    """Three decimals, without a negative zero."""
    return f"{round(value, 3) + 0.0:{sign}.3f}"
