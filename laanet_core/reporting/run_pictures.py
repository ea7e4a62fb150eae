"""Figures that do not belong to one data set: the training curves, and the AUC under corruption."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from laanet_core.reporting import figures
from laanet_core.reporting.pictures import Picture, alt_number, figure_picture
from laanet_core.reporting.robustness_view import RobustnessLine, RobustnessView


def training_pictures(log: Mapping[str, Sequence[float]], metrics: Mapping[str, Any]) -> list[Picture]:
    """Loss and validation AUC by epoch; no pictures if the log is empty."""
    if not log["epoch"]:
        return []
    best = metrics.get("best_epoch")
    loss = f"Loss by epoch: training from {alt_number(log['loss'][0])} to {alt_number(log['loss'][-1])}."
    area = f"Validation AUC by epoch, highest {alt_number(max(log['val_auc']))}; epoch {best} was chosen."
    return [
        figure_picture(
            figures.loss_figure(log),
            loss,
            "Training loss, loss on fixed pseudo-fakes of the validation split, and unweighted terms of the first.",
        ),
        figure_picture(
            figures.validation_figure(log, best), area, "AUC on the pseudo-fakes of the validation split; it selects the checkpoint."
        ),
    ]


def robustness_picture(view: RobustnessView) -> Picture | None:
    """AUC over severity, one line per corruption; None if nothing was run."""
    lines = {line.corruption: _points(line) for line in view.lines if line.measured}
    if not lines:
        return None
    clean = None if view.clean is None else view.clean.auc
    values = "; ".join(f"{name}: {', '.join(alt_number(point[1]) for point in points)}" for name, points in lines.items())
    alt = f"AUC by severity of the corruption, clean crops {alt_number(clean)}. {values}."
    caption = (
        "AUC of corrupted crops by severity, one line per corruption; error bars are 95\N{NO-BREAK SPACE}% intervals. The lines are "
        "shifted sideways a little, so that the error bars do not overlap."
    )
    return figure_picture(figures.robustness_figure(lines, clean), alt, caption)


def _points(line: RobustnessLine) -> list[tuple[int, float, float, float]]:
    """(severity, AUC, low, high) of each measured severity; without an interval, low and high are the AUC."""
    points = []
    for row in line.measured:
        if row.auc is not None:
            low, high = (row.auc if end is None else end for end in (row.auc_low, row.auc_high))
            points.append((row.severity, row.auc, low, high))
    return points
