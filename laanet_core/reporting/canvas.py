"""Shared parts of the report's figures: an empty canvas, colours, and reproducible SVG output."""

from __future__ import annotations

import io

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe & Ito's palette: distinguishable with all common kinds of colour blindness.
REAL, FAKE, NEUTRAL, GREEN = "#0072B2", "#D55E00", "#555555", "#007A5A"
LINES = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000"]
MARKERS = "osD^vPX"
STYLE = {
    "svg.hashsalt": "laanet", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 11.0, "text.parse_math": False,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": "#e3e3e3", "axes.axisbelow": True,
}  # fmt: skip
WIDTH, HEIGHT = 5.2, 3.9
SMALL = 9.5
"""Font size of annotations inside a figure, in points."""


def canvas(width: float = WIDTH, height: float = HEIGHT) -> tuple[Figure, Axes]:
    """An empty figure with one pair of axes, created without pyplot's global state; width, height: in inches."""
    with mpl.rc_context(STYLE):
        figure = Figure((width, height), layout="constrained")
        return figure, figure.subplots()


def stacked_canvas(ratio: float, width: float = WIDTH, height: float = HEIGHT) -> tuple[Figure, Axes, Axes]:
    """An empty figure with two pairs of axes that share the horizontal scale; the upper one is `ratio` times as high."""
    with mpl.rc_context(STYLE):
        figure = Figure((width, height), layout="constrained")
        upper, lower = figure.subplots(2, sharex=True, height_ratios=[ratio, 1])
        return figure, upper, lower


def svg(figure: Figure, title: str | None = None) -> str:
    """SVG text of a figure, without date and random ids; title: its title in the SVG metadata, for screen readers."""
    stream, metadata = io.StringIO(), {} if title is None else {"Title": title}
    with mpl.rc_context(STYLE):
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None, **metadata})
    return stream.getvalue()
