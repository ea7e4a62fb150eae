"""The figures of one data set, each with its words; what has nothing to show is left out."""

from __future__ import annotations

from collections.abc import Sequence

from laanet_core.reporting import figures, quality_figures
from laanet_core.reporting.pictures import Picture, figure_picture, words
from laanet_core.reporting.reliability import reliability_bins
from laanet_core.reporting.results import DatasetResult
from laanet_core.text import counted


def quality_pictures(result: DatasetResult) -> list[Picture]:
    """Figure 1a of the paper for a data set: AUC by Mask-SSIM, and how the Mask-SSIM is spread."""
    pictures = []
    if any(item.auc is not None for item in result.bins):
        told = "; ".join(f"{item.bin}: {words(item.auc)} with {counted(item.n_fake, 'fake')}" for item in result.bins)
        caption = (
            "AUC by Mask-SSIM: each bin's fakes against all real videos; bars are 95\N{NO-BREAK SPACE}% intervals. "
            f"{_coverage([item.coverage for item in result.bins if item.coverage is not None])}."
        )
        pictures.append(figure_picture(quality_figures.bins_figure(result.bins), f"AUC by Mask-SSIM bin. {told}.", caption))
    if result.mask_ssim:
        average, fakes = words(result.metrics["mean_mask_ssim"]), counted(len(result.mask_ssim), "fake")
        svg = quality_figures.ssim_figure(result.mask_ssim, result.edges)
        caption = f"Quality of {fakes}: Mask-SSIM, mean {average}; dashed are the edges of the bins."
        pictures.append(figure_picture(svg, f"Histogram of the Mask-SSIM of {fakes}, mean {average}.", caption))
    return pictures


def spread_picture(results: Sequence[DatasetResult]) -> Picture | None:
    """Figure 1b of the paper for the data sets with an AUC in some bin; None where there is none."""
    shown = {result.name: (result.bins, result.metrics["auc"]) for result in results if any(item.auc is not None for item in result.bins)}
    if not shown:
        return None
    areas = {name: [item.auc for item in bins if item.auc is not None] for name, (bins, _) in shown.items()}
    told = "; ".join(f"{name}: {words(min(values))} to {words(max(values))}" for name, values in areas.items())
    caption = "Spread of the AUC over Mask-SSIM bins: a dot a bin, the upright bar is the AUC of all fakes together."
    return figure_picture(quality_figures.spread_figure(shown), f"Lowest and highest AUC of the Mask-SSIM bins. {told}.", caption)


def score_pictures(result: DatasetResult) -> list[Picture]:
    """ROC, histogram and calibration of the video scores."""
    reals, fakes, pictures = result.scores(0), result.scores(1), []
    counts = f"{len(fakes)} fake and {counted(len(reals), 'real video')}"
    if result.roc:
        area = words(result.metrics["auc"])
        svg = figures.roc_figure([point.fpr for point in result.roc], [point.tpr for point in result.roc], f"AUC {area}")
        caption = f"ROC of the scores of {counts}. A curve in the upper left corner is best."
        pictures.append(figure_picture(svg, f"ROC curve of {counts}, area {area}.", caption))
    if reals or fakes:
        svg = figures.score_figure(reals, fakes, result.threshold)
        caption = f"Scores of {counts}: fakes upwards, reals downwards."
        pictures.append(figure_picture(svg, f"Histogram of the scores of {counts}.", caption))
    return pictures + (_reliability_picture(reals, fakes) if reals and fakes else [])


def _coverage(shares: Sequence[float]) -> str:
    """What share of the videos was scored, from the least covered bin to the best."""
    ends = sorted({f"{100 * min(shares):.1f}", f"{100 * max(shares):.1f}"}, key=float)
    return f"Scored: {' to '.join(ends)}\N{NO-BREAK SPACE}% of the videos of a bin"


def _reliability_picture(reals: Sequence[float], fakes: Sequence[float]) -> list[Picture]:
    bins = reliability_bins([0] * len(reals) + [1] * len(fakes), [*reals, *fakes])
    told = "; ".join(
        f"mean score {words(item.mean_score)}: {words(item.share)} fake of {counted(item.n_videos, 'video')}"
        for item in bins
        if item.n_videos
    )
    caption = (
        "Calibration: share of fakes among videos of about the same score, with 95\N{NO-BREAK SPACE}% intervals (Wilson), and how many "
        "videos these are. On the dotted line a probability is what it says; where a data set has more fakes than reals, dots lie above it."
    )
    return [figure_picture(figures.reliability_figure(bins), f"Calibration of the video scores. {told}.", caption)]
