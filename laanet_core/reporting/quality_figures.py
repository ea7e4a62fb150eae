"""Figure 1 of the paper for our data sets: AUC by Mask-SSIM bin, its spread over the bins, and the Mask-SSIM of the fakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.ticker import MaxNLocator

from laanet_core.evaluation.by_bin import BinResult
from laanet_core.reporting.canvas import FAKE, NEUTRAL, SMALL, canvas, svg

WIDEST_ROW = 0.55
"""Height of one data set in the figure of spreads, in inches."""


def bins_figure(bins: Sequence[BinResult]) -> str:
    """AUC of each Mask-SSIM bin with its 95 % interval and its number of fakes; bins without an AUC are labelled."""
    figure, axes = canvas()
    axes.axhline(0.5, color=NEUTRAL, linestyle=":", label="chance")
    for place, result in enumerate(bins):
        if result.auc is None:
            axes.annotate("no AUC", (place, 0.04), ha="center", color=NEUTRAL, fontsize=SMALL)
            continue
        low, high = (result.auc if end is None else end for end in (result.auc_low, result.auc_high))
        ends = [[max(0.0, result.auc - low)], [max(0.0, high - result.auc)]]
        axes.errorbar(place, result.auc, ends, fmt="o", color=FAKE, capsize=5, clip_on=False)
        axes.annotate(f"{result.auc:.2f}", (place, result.auc), xytext=(7, -4), textcoords="offset points", fontsize=SMALL)
    crowded = len(bins) > 5
    axes.set_xticks(range(len(bins)), [f"{result.bin}\n{result.n_fake} fake" for result in bins], fontsize=7.5 if crowded else SMALL)
    axes.set(xlabel="Mask-SSIM (higher: more similar to the source)", ylabel="AUC", xlim=(-0.5, len(bins) - 0.5), ylim=(0, 1.02))
    figure.legend(loc="outside upper center", frameon=False)
    return svg(figure)


def spread_figure(sets: Mapping[str, tuple[Sequence[BinResult], float | None]]) -> str:
    """Per data set a line from the lowest to the highest AUC of its bins, a dot for each bin, and a bar for the AUC of all fakes."""
    figure, axes = canvas(height=1.3 + WIDEST_ROW * len(sets))
    axes.axvline(0.5, color=NEUTRAL, linestyle=":")
    for place, (bins, overall) in enumerate(sets.values()):
        areas = [result.auc for result in bins if result.auc is not None]
        if areas:
            axes.plot([min(areas), max(areas)], [place, place], color=FAKE, linewidth=7, alpha=0.3, solid_capstyle="round")
            axes.plot(areas, [place] * len(areas), "o", color=FAKE, markersize=6, clip_on=False)
        if overall is not None:
            axes.plot([overall, overall], [place - 0.28, place + 0.28], color="black", linewidth=2.2)
    axes.set_yticks(range(len(sets)), list(sets))
    axes.set(xlabel="AUC (dots: Mask-SSIM bins, bar: all fakes)", xlim=(0, 1.02), ylim=(len(sets) - 0.5, -0.5))
    return svg(figure)


def ssim_figure(values: Sequence[float], edges: Sequence[float]) -> str:
    """Histogram of the Mask-SSIM of the fakes; dashed lines are the edges of the bins."""
    figure, axes = canvas()
    low = min([*values, edges[-1]]) - 0.02
    start = max(edges[0], low - (edges[-1] - low) * 0.1)
    axes.hist(values, bins=24, range=(start, edges[-1]), color=FAKE, edgecolor="white")
    for edge in edges:
        if start <= edge:
            axes.axvline(edge, color=NEUTRAL, linestyle="--", linewidth=0.8)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="Mask-SSIM of a fake against its source", ylabel="fakes (videos)", xlim=(start, edges[-1]))
    return svg(figure)
