"""Name, unit and scale of each measure on the page."""

from __future__ import annotations

from typing import NamedTuple


class MeasureName(NamedTuple):
    """title, unit: as shown, an empty unit means a fraction; rises: whether higher is better; chance: value of random guessing, None if
    it depends on the data set; drawn: whether the value is drawn on a scale from 0 to 1."""

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
"""All measures, by their names in `Measures`."""
