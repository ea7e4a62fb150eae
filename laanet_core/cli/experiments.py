"""Commands on several experiments or detectors: collect and compare."""

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
    """Collect the scores of all 'dvc exp run' experiments into reports/experiments.csv, which the tables of the report are made from."""
    from laanet_core.reporting.paper.collect import collect as collect_experiments
    from laanet_core.reporting.paper.experiments import write_experiments

    out = Path("reports/experiments.csv")
    collected = collect_experiments(json.loads(dvc_experiments()), git("rev-parse", "HEAD").strip(), dvc_lock)
    write_experiments(out, collected.rows)
    for reason, names in collected.left_out.items():
        typer.echo(f"{len(names)} of {collected.n_runs} runs skipped ({reason}): {', '.join(names)}")
    typer.echo(
        f"{out}: {counted(len(collected.rows), 'row')} written" + ("" if collected.n_experiments else "; there are no experiments yet")
    )


def compare(  # noqa: PLR0913 - an argument is an option of the command
    scores: Annotated[
        list[str],
        typer.Argument(
            metavar="SCORES",
            help="Two or more detectors, compared with the first. Each is a CSV file with columns video_id and score, such a file at a git "
            "revision (REV:PATH), or, with --dataset, a git revision, a DVC experiment or 'workspace'.",
        ),
    ],
    *,
    dataset: Annotated[str | None, typer.Option(help="Data set for revisions: reports/<data set>/scores.csv is read at each.")] = None,
    names: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="Names of the detectors; by default derived from the arguments.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Also write CSV tables, Figure 1 and an HTML page to this folder.")
    ] = None,
    threshold: Annotated[float, typer.Option(min=0, max=1, help="Videos with at least this score are classified as fake.")] = 0.5,
    bootstrap: Annotated[
        int, typer.Option(min=0, max=100_000, help="Bootstrap resamples for the 95 % intervals; 0 for no intervals.")
    ] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap.")] = 1,
    bins: Annotated[
        str | None,
        typer.Option(metavar="0.8,0.85,...", help="Edges of the Mask-SSIM bins; by default the bins in the files, or else 4 quantiles."),
    ] = None,
    quantiles: Annotated[
        int | None, typer.Option(min=2, max=20, help="Number of Mask-SSIM bins with equal numbers of fakes; not with --bins.")
    ] = None,
) -> None:
    """Compare detectors on the videos that all of them scored: measures, paired differences, AUC by Mask-SSIM (Figure 1)."""
    from laanet_core.reporting.comparison.compare import Settings
    from laanet_core.reporting.comparison.compare import compare as compare_detectors
    from laanet_core.reporting.comparison.page import write_comparison
    from laanet_core.reporting.comparison.terminal import print_comparison

    if bins is not None and quantiles is not None:
        raise LaanetError("--bins and --quantiles: cannot be combined; give one of them.")
    settings = Settings(threshold, bootstrap, seed, None if bins is None else _edges(bins), quantiles)
    comparison = compare_detectors(read_detectors(scores, dataset, names), settings)
    print_comparison(comparison)
    if out:
        write_comparison(comparison, out)
        typer.echo(f"{out / 'comparison.html'}: written, with its tables and figures in the same folder.")


def _edges(text: str) -> list[float]:
    """Ascending bin edges from text such as `0.8,0.85,0.9`."""
    try:
        edges = [float(word) for word in text.split(",")]
    except ValueError:
        edges = []
    if len(edges) < 2 or not all(map(math.isfinite, edges)) or any(low >= high for low, high in pairwise(edges)):
        raise LaanetError(f"--bins '{text}': must be two or more ascending numbers such as 0.8,0.85,0.9.")
    return edges
