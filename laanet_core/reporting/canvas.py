"""What the report's figures share: an empty canvas, colours, and SVG text that is the same for the same figure."""

from __future__ import annotations

import io

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe & Ito's palette: distinct for every common colour blindness.
REAL, FAKE, NEUTRAL, GREEN = "#0072B2", "#D55E00", "#555555", "#007A5A"
LINES = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000"]
MARKERS = "osD^vPX"
STYLE = {
    "svg.hashsalt": "laanet", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 11.0, "text.parse_math": False,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": "#e3e3e3", "axes.axisbelow": True,
}  # fmt: skip
WIDTH, HEIGHT = 5.2, 3.9
SMALL = 9.5
"""Size of words inside a figure, in points."""


def canvas(width: float = WIDTH, height: float = HEIGHT) -> tuple[Figure, Axes]:
    """An empty figure in inches, made without pyplot's global state."""
    with mpl.rc_context(STYLE):
        figure = Figure((width, height), layout="constrained")
        return figure, figure.subplots()


def stacked_canvas(ratio: float, width: float = WIDTH, height: float = HEIGHT) -> tuple[Figure, Axes, Axes]:
    """As `canvas`, with two axes over one horizontal scale; the upper one is `ratio` times as high."""
    with mpl.rc_context(STYLE):
        figure = Figure((width, height), layout="constrained")
        upper, lower = figure.subplots(2, sharex=True, height_ratios=[ratio, 1])
        return figure, upper, lower


def svg(figure: Figure, title: str | None = None) -> str:
    """SVG without date and without random ids; title: what a reader that cannot show it says it is."""
    stream, named = io.StringIO(), {} if title is None else {"Title": title}
    with mpl.rc_context(STYLE):
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None, **named})
    return stream.getvalue()
