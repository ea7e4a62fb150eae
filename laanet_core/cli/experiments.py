"""Commands that look at several experiments or detectors at once."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import typer

from laanet_core.cli.project import dvc_experiments, dvc_lock, git
from laanet_core.cli.score_sources import read_detectors
from laanet_core.errors import LaanetError
from laanet_core.text import counted


def collect() -> None:
    """Write what the experiments of `dvc exp run` scored to reports/experiments.csv, from which the report's tables are made."""
    from laanet_core.reporting.paper.collect import collect as collect_experiments
    from laanet_core.reporting.paper.experiments import write_experiments

    out = Path("reports/experiments.csv")
    found = collect_experiments(json.loads(dvc_experiments()), git("rev-parse", "HEAD").strip(), dvc_lock)
    write_experiments(out, found.rows)
    for reason, names in found.left_out.items():
        typer.echo(f"{len(names)} of {found.n_runs} runs left out, {reason}: {', '.join(names)}")
    typer.echo(f"{out}: {counted(len(found.rows), 'row')} written" + ("" if found.n_experiments else "; there are no experiments yet"))


def compare(  # noqa: PLR0913 - an argument is an option of the command
    scores: Annotated[
        list[str],
        typer.Argument(
            metavar="SCORES",
            help="Two or more: a CSV with video_id and score, REV:PATH of one, or, with --dataset, a git revision, an experiment's name or "
            "'workspace'. The others are compared with the first.",
        ),
    ],
    *,
    dataset: Annotated[str | None, typer.Option(help="Data set whose reports/<data set>/scores.csv a revision stands for.")] = None,
    names: Annotated[str | None, typer.Option(metavar="A,B,...", help="What to call them; by default as the arguments do.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write CSV, Figure 1 and a page there; by default tables in the terminal are all.")
    ] = None,
    threshold: Annotated[float, typer.Option(min=0, max=1, help="Probability from which a video is called fake.")] = 0.5,
    bootstrap: Annotated[int, typer.Option(min=0, max=100_000, help="Resamples of the 95 % intervals; 0 for none.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of the resamples.")] = 1,
    bins: Annotated[
        str | None, typer.Option(metavar="0.8,0.85,...", help="Edges of Mask-SSIM bins; by default the files' own bins, else 4 quantiles.")
    ] = None,
    quantiles: Annotated[int | None, typer.Option(min=2, max=20, help="So many bins with equally many fakes each, instead.")] = None,
) -> None:
    """Compare detectors on the videos that all of them scored: measures, paired differences, AUC by Mask-SSIM (Figure 1)."""
    from laanet_core.reporting.comparison.compare import Settings
    from laanet_core.reporting.comparison.compare import compare as compare_detectors
    from laanet_core.reporting.comparison.page import write_comparison
    from laanet_core.reporting.comparison.terminal import print_comparison

    if bins is not None and quantiles is not None:
        raise LaanetError("--bins and --quantiles: both say which bins to make; give one of them.")
    settings = Settings(threshold, bootstrap, seed, None if bins is None else _edges(bins), quantiles)
    found = compare_detectors(read_detectors(scores, dataset, names), settings)
    print_comparison(found)
    if out:
        write_comparison(found, out)
        typer.echo(f"{out / 'comparison.html'}: written, and its tables and figures beside it.")


def _edges(text: str) -> list[float]:
    """Ascending edges of bins from text such as `0.8,0.85,0.9`."""
    try:
        edges = [float(word) for word in text.split(",")]
    except ValueError:
        edges = []
    if len(edges) < 2 or not all(map(math.isfinite, edges)) or any(low >= high for low, high in pairwise(edges)):
        raise LaanetError(f"--bins '{text}': must be two or more ascending numbers such as 0.8,0.85,0.9.")
    return edges
