"""How a comparison of detectors is put into words, in the terminal and on its page."""

from __future__ import annotations

from laanet_core.evaluation.by_bin import Spread
from laanet_core.reporting.comparison.compare import Comparison, Estimate
from laanet_core.reporting.comparison.matching import Matched, Unmatched
from laanet_core.reporting.measure_names import MEASURE_NAMES
from laanet_core.text import counted

SHORT = {key: name.title.partition(" (")[0] for key, name in MEASURE_NAMES.items()}
FORMULAS = "F1: mean of both classes' F1; mF1: 2 AP AR / (AP + AR), the published formula"
LOWER = ", ".join(SHORT[key] for key, name in MEASURE_NAMES.items() if not name.rises)
NONE = "-"
IDS_SHOWN = 5


def own(estimate: Estimate) -> str:
    """A measure with its interval."""
    return _with_ends(estimate.value, estimate.low, estimate.high, "")


def difference(estimate: Estimate) -> str:
    """The difference to the first detector with its interval."""
    return _with_ends(estimate.difference, estimate.difference_low, estimate.difference_high, "+")


def spread_words(spread: Spread) -> str:
    """Lowest and highest AUC of the bins."""
    return NONE if spread.lowest is None or spread.highest is None else f"{spread.lowest:.3f} to {spread.highest:.3f}"


def verdict(comparison: Comparison, number: int) -> str:
    """One sentence on whether the AUC of a detector differs from the first one's."""
    first, name, area = comparison.names[0], comparison.names[number], comparison.whole.estimates[number]["auc"]
    if area.difference is None:
        return f"{name} and {first}: no AUC to compare."
    if area.difference_low is None:
        return f"{name} and {first}: AUC {area.difference:+.3f}, without an interval (no resamples)."
    outcome = "differs" if area.differs else "not told apart, the interval includes 0"
    return f"{name} against {first}: AUC {difference(area)}: {outcome}."


def compared(comparison: Comparison) -> str:
    """What is compared with what."""
    whole, settings, names = comparison.whole, comparison.settings, comparison.names
    videos = counted(len(comparison.matched.videos), "video")
    count = f"{videos} ({whole.n_real} real, {whole.n_fake} fake) scored by all of {len(names)}"
    resamples = counted(settings.resamples, "resample")
    intervals = f"95 % intervals over videos, {resamples}, seed {settings.seed}" if settings.resamples else "no intervals"
    return f"{count}; threshold {settings.threshold:g}; {intervals}"


def lacking(matched: Matched, name: str) -> str:
    """How many of the videos of all files a detector lacks, and the first of them; empty for none."""
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
    """Three decimals, never a negative nought."""
    return f"{round(value, 3) + 0.0:{sign}.3f}"
