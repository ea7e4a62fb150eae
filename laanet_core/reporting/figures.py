"""Figures of the report as SVG text; the same input gives the same bytes."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from laanet_core.evaluation.bins import BinResult

# Okabe & Ito's palette: distinct for every common colour blindness.
REAL, FAKE, NEUTRAL, GREEN = "#0072B2", "#D55E00", "#555555", "#007A5A"
STYLE = {
    "svg.hashsalt": "laanet", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 11.0,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": "#e3e3e3", "axes.axisbelow": True,
}  # fmt: skip
WIDTH, HEIGHT = 5.2, 3.9


def roc_figure(fpr: Sequence[float], tpr: Sequence[float], label: str) -> str:
    """ROC curve of the video scores, with the diagonal of chance."""
    figure, axes = _canvas()
    axes.plot([0, 1], [0, 1], color=NEUTRAL, linestyle=":", label="chance")
    axes.plot(fpr, tpr, color=FAKE, linewidth=2.2, label=label, clip_on=False)
    axes.set(xlabel="false alarms: share of real videos", ylabel="found: share of fakes", xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes.legend(loc="lower right", frameon=False)
    return _svg(figure)


def bins_figure(bins: Sequence[BinResult]) -> str:
    """AUC of each Mask-SSIM bin with its 95 % interval and its number of fakes; an empty bin says so."""
    figure, axes = _canvas()
    axes.axhline(0.5, color=NEUTRAL, linestyle=":")
    axes.annotate("chance", (-0.45, 0.5), xytext=(0, 3), textcoords="offset points", color=NEUTRAL, fontsize=9)
    for place, result in enumerate(bins):
        if result.auc is None:
            axes.annotate("no AUC", (place, 0.04), ha="center", color=NEUTRAL, fontsize=9)
            continue
        low, high = (result.auc if end is None else end for end in (result.auc_low, result.auc_high))
        ends = [[max(0.0, result.auc - low)], [max(0.0, high - result.auc)]]
        axes.errorbar(place, result.auc, ends, fmt="o", color=FAKE, capsize=5, clip_on=False)
        axes.annotate(f"{result.auc:.2f}", (place, result.auc), xytext=(7, -4), textcoords="offset points", fontsize=9)
    axes.set_xticks(range(len(bins)), [f"{result.bin}\n{result.n_fake} fake" for result in bins], fontsize=9)
    axes.set(xlabel="Mask-SSIM (right: closer to the real head)", ylabel="AUC", xlim=(-0.5, len(bins) - 0.5), ylim=(0, 1.02))
    return _svg(figure)


def ssim_figure(values: Sequence[float], edges: Sequence[float]) -> str:
    """Histogram of the fakes' Mask-SSIM; dashed lines are the edges of the bins."""
    figure, axes = _canvas()
    low = min([*values, 1.0]) - 0.02
    start = max(edges[0], low - (1 - low) * 0.1)
    axes.hist(values, bins=24, range=(start, edges[-1]), color=FAKE, edgecolor="white")
    for edge in edges:
        if start <= edge:
            axes.axvline(edge, color=NEUTRAL, linestyle="--", linewidth=0.8)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="Mask-SSIM of a fake against its source", ylabel="fakes (videos)", xlim=(start, edges[-1]))
    return _svg(figure)


def score_figure(reals: Sequence[float], fakes: Sequence[float]) -> str:
    """Histogram of the video scores of both classes, fakes drawn above and reals below the axis."""
    figure, axes = _canvas()
    for values, colour, label, sign in ((fakes, FAKE, "fake", 1), (reals, REAL, "real", -1)):
        axes.hist(values, bins=20, range=(0, 1), weights=[sign] * len(values), color=colour, edgecolor="white", label=label)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):.0f}")
    axes.set(xlabel="score (probability of fake)", ylabel="videos", xlim=(0, 1))
    axes.legend(loc="upper right", frameon=False)
    return _svg(figure)


def loss_figure(log: Mapping[str, Sequence[float]]) -> str:
    """Training and validation loss by epoch; `log` maps the columns of the training log to their values."""
    figure, axes = _canvas()
    axes.plot(log["epoch"], log["loss"], color=REAL, marker="o", markersize=4, label="training")
    axes.plot(log["epoch"], log["val_loss"], color=FAKE, marker="s", markersize=4, linestyle="--", label="validation")
    axes.set(xlabel="epoch", ylabel="loss (Eq. 8)", ylim=(0, None))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False)
    return _svg(figure)


def validation_figure(log: Mapping[str, Sequence[float]], best: float | None) -> str:
    """AUC on the pseudo-fakes of the validation split by epoch; the chosen epoch is ringed."""
    figure, axes = _canvas()
    axes.axhline(0.5, color=NEUTRAL, linestyle=":")
    axes.plot(log["epoch"], log["val_auc"], color=GREEN, marker="o", markersize=4, clip_on=False)
    for epoch, value in zip(log["epoch"], log["val_auc"], strict=True):
        if epoch == best:
            axes.plot(epoch, value, marker="o", markersize=11, markerfacecolor="none", markeredgecolor="black", clip_on=False)
            axes.annotate("chosen", (epoch, value), xytext=(0, -18), textcoords="offset points", ha="center", fontsize=9)
    axes.set(xlabel="epoch", ylabel="validation AUC", ylim=(0, 1.02))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return _svg(figure)


def _canvas(width: float = WIDTH, height: float = HEIGHT) -> tuple[Figure, Axes]:
    """An empty figure in inches, made without pyplot's global state."""
    with mpl.rc_context(STYLE):
        figure = Figure((width, height), layout="constrained")
        return figure, figure.subplots()


def _svg(figure: Figure) -> str:
    """SVG without date and without random ids."""
    stream = io.StringIO()
    with mpl.rc_context(STYLE):
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    return stream.getvalue()
