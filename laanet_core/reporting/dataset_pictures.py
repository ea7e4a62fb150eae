"""Figures of one data set, each with its caption and alternative text; figures without data are left out."""

from __future__ import annotations

from collections.abc import Sequence

from laanet_core.reporting import figures, quality_figures
from laanet_core.reporting.pictures import Picture, alt_number, figure_picture
from laanet_core.reporting.reliability import reliability_bins
from laanet_core.reporting.results import DatasetResult
from laanet_core.text import counted


def quality_pictures(result: DatasetResult) -> list[Picture]:
    """Figure 1a of the paper for a data set (AUC by Mask-SSIM), and the distribution of the Mask-SSIM."""
    pictures = []
    if any(item.auc is not None for item in result.bins):
        values = "; ".join(f"{item.bin}: {alt_number(item.auc)} with {counted(item.n_fake, 'fake')}" for item in result.bins)
        caption = (
            "AUC by Mask-SSIM: the fakes of each bin against all real videos; error bars are 95\N{NO-BREAK SPACE}% intervals. "
            f"{_coverage([item.coverage for item in result.bins if item.coverage is not None])}."
        )
        pictures.append(figure_picture(quality_figures.bins_figure(result.bins), f"AUC by Mask-SSIM bin. {values}.", caption))
    if result.mask_ssim:
        average, fakes = alt_number(result.metrics["mean_mask_ssim"]), counted(len(result.mask_ssim), "fake")
        svg = quality_figures.ssim_figure(result.mask_ssim, result.edges)
        caption = f"Mask-SSIM of {fakes}, mean {average}; dashed lines are the edges of the bins."
        pictures.append(figure_picture(svg, f"Histogram of the Mask-SSIM of {fakes}, mean {average}.", caption))
    return pictures


def spread_picture(results: Sequence[DatasetResult]) -> Picture | None:
    """Figure 1b of the paper for the data sets with an AUC in at least one bin; None if there is no such data set."""
    shown = {result.name: (result.bins, result.metrics["auc"]) for result in results if any(item.auc is not None for item in result.bins)}
    if not shown:
        return None
    areas = {name: [item.auc for item in bins if item.auc is not None] for name, (bins, _) in shown.items()}
    ranges = "; ".join(f"{name}: {alt_number(min(values))} to {alt_number(max(values))}" for name, values in areas.items())
    caption = "Spread of the AUC over Mask-SSIM bins: each dot is a bin, the vertical bar is the AUC of all fakes together."
    return figure_picture(quality_figures.spread_figure(shown), f"Lowest and highest AUC of the Mask-SSIM bins. {ranges}.", caption)


def score_pictures(result: DatasetResult) -> list[Picture]:
    """ROC curve, histogram and reliability diagram of the video scores."""
    reals, fakes, pictures = result.scores(0), result.scores(1), []
    counts = f"{len(fakes)} fake and {counted(len(reals), 'real video')}"
    if result.roc:
        area = alt_number(result.metrics["auc"])
        svg = figures.roc_figure([point.fpr for point in result.roc], [point.tpr for point in result.roc], f"AUC {area}")
        caption = f"ROC curve of the scores of {counts}. The closer the curve is to the upper left corner, the better."
        pictures.append(figure_picture(svg, f"ROC curve of {counts}, area {area}.", caption))
    if reals or fakes:
        svg = figures.score_figure(reals, fakes, result.threshold)
        caption = f"Histogram of the scores of {counts}: fakes above the axis, real videos below."
        pictures.append(figure_picture(svg, f"Histogram of the scores of {counts}.", caption))
    return pictures + (_reliability_picture(reals, fakes) if reals and fakes else [])


def _coverage(shares: Sequence[float]) -> str:
    """Lowest and highest coverage of the bins, as a sentence; shares: coverage of each bin, 0 to 1."""
    ends = sorted({f"{100 * min(shares):.1f}", f"{100 * max(shares):.1f}"}, key=float)
    return f"Coverage of the bins: {' to '.join(ends)}\N{NO-BREAK SPACE}% of the videos have a score"


def _reliability_picture(reals: Sequence[float], fakes: Sequence[float]) -> list[Picture]:
    bins = reliability_bins([0] * len(reals) + [1] * len(fakes), [*reals, *fakes])
    values = "; ".join(
        f"mean score {alt_number(item.mean_score)}: {alt_number(item.share)} fake of {counted(item.n_videos, 'video')}"
        for item in bins
        if item.n_videos
    )
    caption = (
        "Calibration: share of fakes among videos with similar scores, with 95\N{NO-BREAK SPACE}% Wilson intervals, and below the number "
        "of these videos. The dotted line is perfect calibration; in a data set with more fakes than real videos, dots tend to be above it."
    )
    return [figure_picture(figures.reliability_figure(bins), f"Calibration of the video scores. {values}.", caption)]
