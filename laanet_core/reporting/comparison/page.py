"""Output files of a comparison of detectors: tables in CSV, Figure 1 in SVG, and a self-contained HTML page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from laanet_core.reporting.comparison import words
from laanet_core.reporting.comparison.compare import Comparison, Estimate
from laanet_core.reporting.comparison.figures import MIN_BINS_OF_A_BOX, by_bin_figure, over_bins_figure
from laanet_core.reporting.comparison.matching import Unmatched
from laanet_core.reporting.measure_names import MEASURE_NAMES
from laanet_core.reporting.page_templates import ROWS_SHOWN, page_template
from laanet_core.reporting.pictures import Picture, figure_picture
from laanet_core.store.csv_io import write_table
from laanet_core.store.writing import write_text
from laanet_core.text import counted

COLUMNS = ["detector", "by", "group", "measure", *Estimate._fields, "n_real", "n_fake"]
FIGURES = {"figure1a.svg": by_bin_figure, "figure1b.svg": over_bins_figure}


def write_comparison(comparison: Comparison, out: Path) -> None:
    """Write comparison.csv, unmatched.csv, comparison.html and, if there are bins, figure1a.svg and figure1b.svg into a folder.

    Equal comparisons give equal bytes.
    """
    figures = {name: draw(comparison) for name, draw in FIGURES.items()} if comparison.bins else {}
    for name in FIGURES:
        (out / name).unlink(missing_ok=True)
    for name, svg in figures.items():
        write_text(out / name, svg)
    write_table(out / "comparison.csv", COLUMNS, _rows(comparison))
    write_table(out / "unmatched.csv", Unmatched._fields, (item._asdict() for item in comparison.matched.unmatched))
    write_text(out / "comparison.html", _page(comparison, figures))


def _rows(comparison: Comparison) -> Iterator[dict[str, Any]]:
    """One row per group, detector and measure; differences are empty for the first detector."""
    for group in comparison.groups:
        for detector, estimates in zip(comparison.names, group.estimates, strict=True):
            for measure, estimate in estimates.items():
                where = {"detector": detector, "by": group.by, "group": group.name, "measure": measure}
                yield {**where, **estimate._asdict(), "n_real": group.n_real, "n_fake": group.n_fake}


def _page(comparison: Comparison, figures: dict[str, str]) -> str:
    """The HTML page; figures: SVG text by file name, empty if there are no bins."""
    pictures = _pictures(comparison, figures) if figures else []
    return page_template("comparison.html.j2").render(
        comparison=comparison, measures=MEASURE_NAMES, pictures=pictures, words=words, rows_shown=ROWS_SHOWN
    )


def _pictures(comparison: Comparison, figures: dict[str, str]) -> list[Picture]:
    numbers = range(len(comparison.names))
    by_bin = "; ".join(
        f"{group.name} with {counted(group.n_fake, 'fake')}: "
        + ", ".join(f"{comparison.names[number]} {words.own(group.estimates[number]['auc'])}" for number in numbers)
        for group in comparison.bins
    )
    over_bins = "; ".join(f"{comparison.names[number]} {words.spread_words(comparison.spread(number))}" for number in numbers)
    n_values = sum(group.estimates[0]["auc"].value is not None for group in comparison.bins)
    box = (
        f"boxes are the quartiles of {n_values} values, whiskers reach the extremes"
        if n_values >= MIN_BINS_OF_A_BOX
        else "there are too few bins for a box"
    )
    return [
        figure_picture(figures["figure1a.svg"], f"AUC by Mask-SSIM bin. {by_bin}.",
                       "(a) AUC by Mask-SSIM: fakes of each bin against all real videos; error bars are 95\N{NO-BREAK SPACE}% intervals."),
        figure_picture(figures["figure1b.svg"], f"AUC over the bins, lowest to highest. {over_bins}.",
                       f"(b) Spread of the AUC over the bins, one point per bin; {box}."),
    ]  # fmt: skip
