"""Figures of scores, measures and training as SVG text; equal inputs give equal bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.ticker import MaxNLocator

from laanet_core.reporting.canvas import FAKE, GREEN, LINES, MARKERS, NEUTRAL, REAL, SMALL, canvas, stacked_canvas, svg
from laanet_core.reporting.reliability import ReliabilityBin

LABEL_GAP = 0.055
"""Minimum distance between the labels of two lines, as a fraction of the axis."""
SIDESTEP = 0.045
"""Horizontal offset between lines, in severities, so that their intervals do not overlap."""


def roc_figure(fpr: Sequence[float], tpr: Sequence[float], label: str) -> str:
    """ROC curve of the video scores, with the diagonal as chance level."""
    figure, axes = canvas()
    axes.plot([0, 1], [0, 1], color=NEUTRAL, linestyle=":", label="chance")
    axes.plot(fpr, tpr, color=FAKE, linewidth=2.2, label=label, clip_on=False)
    axes.set(xlabel="false positive rate", ylabel="true positive rate (fakes detected)", xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes.legend(loc="lower right", frameon=False)
    return svg(figure)


def score_figure(reals: Sequence[float], fakes: Sequence[float], threshold: float) -> str:
    """Histogram of the video scores of both classes, fakes above and reals below the axis; a dashed line marks the threshold."""
    figure, axes = canvas()
    for values, colour, label, sign in ((fakes, FAKE, "fake", 1), (reals, REAL, "real", -1)):
        axes.hist(values, bins=20, range=(0, 1), weights=[sign] * len(values), color=colour, edgecolor="white", label=label)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.axvline(threshold, color=NEUTRAL, linestyle="--", linewidth=1, label=f"threshold {threshold:g}")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):.0f}")
    axes.set(xlabel="score (probability of fake)", ylabel="videos", xlim=(0, 1))
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return svg(figure)


def reliability_figure(bins: Sequence[ReliabilityBin]) -> str:
    """Reliability diagram: share of fakes over mean score in each bin of scores, and below the number of videos per bin.

    The diagonal is perfect calibration. Empty bins are not drawn.
    """
    figure, above, below = stacked_canvas(3)
    above.plot([0, 1], [0, 1], color=NEUTRAL, linestyle=":", label="perfect calibration")
    for item in bins:
        if item.mean_score is None or item.share is None:
            continue
        ends = [[max(0.0, item.share - item.share_low)], [max(0.0, item.share_high - item.share)]]
        above.errorbar(item.mean_score, item.share, ends, fmt="o", color=FAKE, markersize=5, capsize=3, elinewidth=1.2, clip_on=False)
    above.set(ylabel="share of fakes", xlim=(0, 1), ylim=(0, 1.02))
    above.legend(loc="upper left", frameon=False, fontsize=SMALL)
    for item in filter(lambda item: item.n_videos, bins):
        below.bar(item.low, item.n_videos, item.high - item.low, align="edge", color=NEUTRAL, edgecolor="white")
        below.annotate(f"{item.n_videos}", ((item.low + item.high) / 2, item.n_videos), ha="center", va="bottom", fontsize=SMALL)
    below.margins(y=0.35)
    below.yaxis.set_major_locator(MaxNLocator(nbins=3, integer=True))
    below.set(xlabel="score (probability of fake)", ylabel="videos")
    return svg(figure)


def robustness_figure(lines: Mapping[str, Sequence[tuple[int, float, float, float]]], clean: float | None) -> str:
    """AUC by severity, one labelled line per corruption.

    lines: corruption -> points (severity, AUC, low, high); clean: AUC of clean crops, None to leave it out. The legend is above the axes,
    where no interval covers it.
    """
    figure, axes = canvas(width=7.2, height=4.4)
    if clean is not None:
        axes.axhline(clean, color=NEUTRAL, linestyle="--", linewidth=1, label="clean crops")
    axes.axhline(0.5, color=NEUTRAL, linestyle=":", label="chance")
    last = max((points[-1][0] for points in lines.values()), default=1)
    heights = _apart({name: points[-1][1] for name, points in lines.items()})
    for place, (name, points) in enumerate(lines.items()):
        severities, areas, lows, highs = zip(*points, strict=True)
        where = [severity + SIDESTEP * (place - (len(lines) - 1) / 2) for severity in severities]
        ends = [[max(0.0, area - low) for area, low in zip(areas, lows, strict=True)],
                [max(0.0, high - area) for area, high in zip(areas, highs, strict=True)]]  # fmt: skip
        colour, marker = LINES[place % len(LINES)], MARKERS[place % len(MARKERS)]
        style = "-" if place < len(LINES) else "--"
        axes.errorbar(
            where, areas, ends, color=colour, marker=marker, linestyle=style, markersize=5, linewidth=1.6, elinewidth=0.8, clip_on=False
        )
        axes.annotate(
            name, (where[-1], areas[-1]), xytext=(last + 0.32, heights[name]), va="center", fontsize=10, annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.8, "relpos": (0, 0.5)},
        )  # fmt: skip
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="severity of the corruption", ylabel="AUC", xlim=(0.7, last + 0.2), ylim=(0, 1.02))
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return svg(figure)


def loss_figure(log: Mapping[str, Sequence[float]]) -> str:
    """Training and validation loss by epoch, and below the unweighted terms of the training loss on a logarithmic scale.

    log: column of the training log -> values. Terms that are 0 throughout, those of heads that the network lacks, are not drawn.
    """
    figure, above, below = stacked_canvas(1.2)
    above.plot(log["epoch"], log["loss"], color=REAL, marker="o", markersize=4, label="training")
    above.plot(log["epoch"], log["val_loss"], color=FAKE, marker="s", markersize=4, linestyle="--", label="validation")
    above.set(ylabel="loss (Eq. 8)", ylim=(0, None))
    above.legend(frameon=False, fontsize=SMALL)
    terms = [column for column in log if column.startswith("loss_") and any(value > 0 for value in log[column])]
    for place, column in enumerate(terms):
        colour, marker = LINES[place % len(LINES)], MARKERS[place % len(MARKERS)]
        below.plot(log["epoch"], log[column], color=colour, marker=marker, markersize=3, linewidth=1.2, label=column.removeprefix("loss_"))
    below.set(xlabel="epoch", ylabel="terms", yscale="log")
    below.xaxis.set_major_locator(MaxNLocator(integer=True))
    if terms:
        below.legend(frameon=False, fontsize=SMALL, ncols=len(terms), loc="lower center", bbox_to_anchor=(0.5, 1))
    return svg(figure)


def validation_figure(log: Mapping[str, Sequence[float]], best: float | None) -> str:
    """AUC on the pseudo-fakes of the validation split by epoch; the chosen epoch is ringed."""
    figure, axes = canvas()
    axes.axhline(0.5, color=NEUTRAL, linestyle=":")
    axes.plot(log["epoch"], log["val_auc"], color=GREEN, marker="o", markersize=4, clip_on=False)
    for epoch, value in zip(log["epoch"], log["val_auc"], strict=True):
        if epoch == best:
            axes.plot(epoch, value, marker="o", markersize=11, markerfacecolor="none", markeredgecolor="black", clip_on=False)
            axes.annotate("chosen", (epoch, value), xytext=(0, -18), textcoords="offset points", ha="center", fontsize=SMALL)
    axes.set(xlabel="epoch", ylabel="validation AUC", ylim=(0, 1.02))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return svg(figure)


def _apart(heights: Mapping[str, float]) -> dict[str, float]:
    """Heights of labels in ascending order, moved up if they would overlap, and down again if they would leave the axis."""
    names = sorted(heights, key=lambda name: (heights[name], name))
    placed: list[float] = []
    for name in names:
        placed.append(max(heights[name], placed[-1] + LABEL_GAP if placed else 0.0))
    ceiling = 1.0
    for place in range(len(placed) - 1, -1, -1):
        placed[place] = min(placed[place], ceiling)
        ceiling = placed[place] - LABEL_GAP
    return dict(zip(names, placed, strict=True))
