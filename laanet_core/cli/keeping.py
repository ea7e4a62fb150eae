"""Commands that check what is stored, and make room."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from laanet_core.cli.errors import one_sentence
from laanet_core.cli.project import dvc_cache
from laanet_core.counted import counted
from laanet_core.sizes import in_bytes, in_words
from laanet_core.work.folder import work_root


def verify(
    remove: Annotated[bool, typer.Option("--remove", help="Remove what is damaged, so that 'dvc repro' makes it anew.")] = False,
) -> None:
    """Read outputs, DVC's cache and the work folder again; name what is not what was once written, and outputs that dvc.lock has not."""
    from laanet_core.work.verify import remove_damaged
    from laanet_core.work.verify import verify as verify_artefacts

    with one_sentence():
        verdict = verify_artefacts(Path.cwd(), dvc_cache(), work_root())
    for path in verdict.damaged:
        typer.echo(f"damaged: {os.path.relpath(path)}")
    for path in verdict.other:
        typer.echo(f"not what dvc.lock has: {os.path.relpath(path)}")
    gone = f", {len(verdict.absent)} listed ones are not here" if verdict.absent else ""
    unknown = f", {verdict.unknown} work items without a digest" if verdict.unknown else ""
    typer.echo(f"{counted(verdict.checked, 'file')} ({in_words(verdict.n_bytes)}) read, {len(verdict.damaged)} damaged{gone}{unknown}")
    if verdict.other:
        typer.echo("'dvc checkout' or 'git checkout' brings back what dvc.lock has, 'dvc repro' makes it anew.", err=True)
    if not verdict.damaged:
        raise typer.Exit(1 if verdict.other else 0)
    if not remove:
        typer.echo("remove what is damaged with 'laanet verify --remove', then run 'dvc repro', which makes them anew.", err=True)
        raise typer.Exit(1)
    remove_damaged(verdict.damaged)
    typer.echo("removed; 'dvc repro' makes them anew, 'dvc pull' fetches what was pushed.")


def clean(
    most: Annotated[
        str | None, typer.Option(metavar="SIZE", help="What items may take, such as 50GB; the oldest beyond it go as well.")
    ] = None,
) -> None:
    """Remove from the work folder what the last run of each step did not use; outputs and DVC's cache stay as they are."""
    from laanet_core.work.clean import clean_work

    with one_sentence():
        report = clean_work(work_root(), in_bytes(most) if most else None)
    for step in report.busy:
        typer.echo(f"{step}: left alone, another run is writing there", err=True)
    parts = {
        "fetched weights": report.fetched,
        "states of trainings": report.states,
        "records, folders and steps left alone" if report.busy else "records and folders": report.rest,
    }
    others = ", ".join(f"{name} {in_words(n_bytes)}" for name, n_bytes in parts.items())
    typer.echo(
        f"{counted(report.removed, 'item')} removed ({in_words(report.freed)} freed), {report.kept} kept ({in_words(report.held)}); "
        f"what is never removed takes {in_words(sum(parts.values()))} more ({others})"
    )
