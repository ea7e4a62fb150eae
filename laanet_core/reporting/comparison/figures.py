"""Figure 1 of the paper for any detectors: AUC by Mask-SSIM bin, and the spread of each detector's AUC over the bins."""

from __future__ import annotations

import math
import textwrap

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from laanet_core.reporting.canvas import LINES, MARKERS, NEUTRAL, SMALL, STYLE, canvas, svg
from laanet_core.reporting.comparison.compare import Comparison, Estimate

BY_BIN = "AUC by Mask-SSIM"
OVER_BINS = "AUC over the bins of Mask-SSIM"
NARROWEST, HEIGHT = 5.4, 4.2
MARGIN, COLUMN = 1.0, 0.75
"""Inches at the sides of the axes, and per bin or detector, so that its label fits."""
LETTERS, KEY = 13, 6
"""Letters per inch of a legend, and letters that the width of its marker equals."""
SIDESTEP = 0.5
"""Width over which the markers of all detectors are spread, in bins, so that their intervals do not overlap."""
MIN_BINS_OF_A_BOX = 3
"""Minimum number of bins with an AUC for a box of quartiles."""
BOX_WIDTH = 0.5
CHANCE = 0.5
LOWEST = 0.4
"""Lower end of the AUC axis, unless an interval goes below it."""


def by_bin_figure(comparison: Comparison) -> str:
    """Figure 1a: one line per detector, with 95 % intervals; a bin without an AUC is labelled and interrupts the lines."""
    with mpl.rc_context(STYLE):
        bins = comparison.bins
        figure, axes = canvas(_width(len(bins)), HEIGHT)
        _chance(axes, comparison)
        handles = [_line(axes, comparison, number) for number in range(len(comparison.names))]
        for place, group in enumerate(bins):
            if group.estimates[0]["auc"].value is None:
                axes.annotate("no AUC", (place, CHANCE), xytext=(0, 4), textcoords="offset points", ha="center", fontsize=SMALL)
        axes.set_xticks(range(len(bins)), [f"{group.name}\n{group.n_fake} fake" for group in bins], fontsize=SMALL)
        axes.set(xlabel="Mask-SSIM (higher: more similar to the source)", ylabel="AUC", xlim=(-0.5, len(bins) - 0.5))
        axes.grid(visible=False, axis="x")
        _legend(figure, handles, comparison.names)
        return svg(figure, BY_BIN)


def over_bins_figure(comparison: Comparison) -> str:
    """Figure 1b: per detector a box over the AUC of its bins, with whiskers to the extremes and a point for each bin.

    With less than three bins there is no box.
    """
    with mpl.rc_context(STYLE):
        names = comparison.names
        figure, axes = canvas(_width(len(names)), HEIGHT)
        _chance(axes, comparison)
        for place in range(len(names)):
            colour, marker = _style(place)
            areas = [group.estimates[place]["auc"].value for group in comparison.bins]
            points = [(number, area) for number, area in enumerate(areas) if area is not None]
            if len(points) >= MIN_BINS_OF_A_BOX:
                _box(axes, place, [area for _, area in points], colour)
            steps = [place + BOX_WIDTH * 0.7 * ((number + 0.5) / len(areas) - 0.5) for number, _ in points]
            axes.plot(steps, [area for _, area in points], marker, color=colour, markersize=7, markeredgecolor="white", clip_on=False)
        letters = max(8, round(50 / len(names)))
        labels = [textwrap.fill(name, letters, max_lines=3, placeholder=" ...") for name in names]
        axes.set_xticks(range(len(names)), labels, fontsize=SMALL)
        axes.set(ylabel="AUC of a bin", xlim=(-0.6, len(names) - 0.4))
        axes.grid(visible=False, axis="x")
        return svg(figure, OVER_BINS)


def _width(columns: int) -> float:
    return max(NARROWEST, MARGIN + COLUMN * columns)


def _style(number: int) -> tuple[str, str]:
    """Colour and marker of a detector; when the colours repeat, the markers are different."""
    return LINES[number % len(LINES)], MARKERS[(number + number // len(LINES)) % len(MARKERS)]


def _line(axes: Axes, comparison: Comparison, number: int) -> Artist:
    """One detector's markers with their intervals, joined by a line."""
    colour, marker = _style(number)
    step = SIDESTEP * ((number + 0.5) / len(comparison.names) - 0.5)
    areas = [group.estimates[number]["auc"] for group in comparison.bins]
    places, heights = [place + step for place in range(len(areas))], [math.nan if area.value is None else area.value for area in areas]
    axes.plot(places, heights, color=colour, linewidth=1.2, alpha=0.6, clip_on=False)
    bars = axes.errorbar(
        places, heights, _arms(areas), fmt=marker, color=colour, markersize=7, markeredgecolor="white", capsize=3, elinewidth=1.4,
        clip_on=False,
    )  # fmt: skip
    return bars.lines[0]


def _box(axes: Axes, place: int, values: list[float], colour: str) -> None:
    axes.boxplot(
        values, positions=[place], widths=BOX_WIDTH, whis=(0, 100), patch_artist=True, manage_ticks=False,
        boxprops={"facecolor": mpl.colors.to_rgba(colour, 0.15), "edgecolor": colour}, medianprops={"color": colour, "linewidth": 2},
        whiskerprops={"color": colour}, capprops={"color": colour},
    )  # fmt: skip


def _chance(axes: Axes, comparison: Comparison) -> None:
    """Draw the line of chance, and set the AUC axis to contain every interval; both figures get the same axis."""
    areas = [estimates["auc"] for group in comparison.bins for estimates in group.estimates]
    lowest = min([value for area in areas for value in (area.value, area.low) if value is not None], default=LOWEST)
    axes.axhline(CHANCE, color=NEUTRAL, linestyle=":", zorder=1)
    axes.annotate("chance", (1, CHANCE), xycoords=("axes fraction", "data"), xytext=(4, 0), textcoords="offset points", ha="left",
                  va="center", color=NEUTRAL, fontsize=SMALL)  # fmt: skip
    axes.set_ylim(max(0.0, min(LOWEST, math.floor(10 * lowest) / 10)), 1.02)


def _legend(figure: Figure, handles: list[Artist], names: list[str]) -> None:
    """Draw a legend below the axes; its texts are set afterwards, since matplotlib skips labels that begin with an underscore."""
    room = round(figure.get_figwidth() * LETTERS)
    shown = [name if len(name) <= room - KEY else f"{name[: room - KEY - 3]}..." for name in names]
    columns = min(len(names), room // (max(map(len, shown)) + KEY))
    legend = figure.legend(handles, ["."] * len(handles), loc="outside lower center", ncols=columns, frameon=False, fontsize=SMALL)
    for text, name in zip(legend.get_texts(), shown, strict=True):
        text.set_text(name)


def _arms(areas: list[Estimate]) -> list[list[float]]:
    """Lengths of the error bars below and above, 0 if there is no interval."""
    below = [area.value - area.low if area.value is not None and area.low is not None else 0.0 for area in areas]
    above = [area.high - area.value if area.value is not None and area.high is not None else 0.0 for area in areas]
    return [[max(0.0, arm) for arm in below], [max(0.0, arm) for arm in above]]
