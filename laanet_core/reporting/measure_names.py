"""How the page names each measure, and on what scale it is drawn."""

from __future__ import annotations

from typing import NamedTuple


class MeasureName(NamedTuple):
    """title, unit: as shown, a fraction where the unit is empty; rises: better when higher; chance: what guessing gives, where that is one
    number whatever the data set; drawn: whether it lies within 0 to 1."""

    title: str
    unit: str = ""
    rises: bool = True
    chance: float | None = None
    drawn: bool = True


MEASURE_NAMES = {
    "auc": MeasureName("AUC", chance=0.5),
    "ap": MeasureName("AP"),
    "ar": MeasureName("AR (macro recall)", chance=0.5),
    "f1": MeasureName("F1 (macro)"),
    "mf1_published": MeasureName("mF1 (published formula)"),
    "eer": MeasureName("EER", rises=False, chance=0.5),
    "accuracy": MeasureName("accuracy"),
    "log_loss": MeasureName("log-loss", unit="nats", rises=False, drawn=False),
    "ece": MeasureName("ECE", rises=False),
}
"""By the names of `Measures`, all of them."""
