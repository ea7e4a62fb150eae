"""Commands that check what is stored, and make room."""

from __future__ import annotations

import os
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from laanet_core.cli.project import dvc_cache
from laanet_core.counted import counted
from laanet_core.sizes import in_bytes, in_words
from laanet_core.work.folder import work_root
from laanet_core.work.records import remove_entries
from laanet_core.work.verify import Verdict, remove_files
from laanet_core.work.verify import verify as verify_artefacts


def verify(
    remove: Annotated[
        bool,
        typer.Option("--remove", help="Remove what is damaged, and entries of DVC's run cache that their artefacts do not confirm."),
    ] = False,
) -> None:
    """Read outputs, DVC's cache and the work folder again; name what is damaged, and records of DVC that the artefacts contradict."""
    verdict = verify_artefacts(Path.cwd(), dvc_cache(), work_root())
    for path in verdict.damaged:
        typer.echo(f"damaged: {os.path.relpath(path)}")
    for path in verdict.other:
        typer.echo(f"not what dvc.lock has: {os.path.relpath(path)}")
    wrong_first = sorted(verdict.findings, key=lambda finding: not finding.contradicted)
    for (record, contradicted), group in groupby(wrong_first, key=lambda finding: (finding.record, finding.contradicted)):
        place = f" ({os.path.relpath(record.path)})" if record.path else ""
        said = "; ".join(finding.text for finding in group)
        typer.echo(f"{'wrong' if contradicted else 'unconfirmed'}: {record.where}{place}: {said}")
    gone = f", {len(verdict.absent)} listed ones are not here" if verdict.absent else ""
    unknown = f", {verdict.unknown} work items without a digest" if verdict.unknown else ""
    wrong = len({(finding.record.stage, finding.record.path) for finding in verdict.findings if finding.contradicted})
    records = f", {counted(wrong, 'wrong record')}" if wrong else ""
    typer.echo(
        f"{counted(verdict.checked, 'file')} ({in_words(verdict.n_bytes)}) read, {len(verdict.damaged)} damaged{records}{gone}{unknown}"
    )
    _advise(verdict, remove)


def _advise(verdict: Verdict, remove: bool) -> None:
    """Say how to get rid of what was found, or do it; ends with status 1 while something is left that is not as it should be."""
    in_lock = [finding for finding in verdict.findings if finding.record.path is None]
    entries = sorted({finding.record.path for finding in verdict.findings if finding.record.path is not None})
    if verdict.other:
        typer.echo("'dvc checkout' or 'git checkout' brings back what dvc.lock has, 'dvc repro' makes it again.", err=True)
    repaired = {finding.record.stage for finding in in_lock if finding.repaired}
    by_hand = dict.fromkeys(finding.record.stage for finding in in_lock if finding.record.stage not in repaired)
    if by_hand:
        names = " ".join(by_hand)
        typer.echo(
            f"'dvc repro --force --single-item {names}', then 'dvc repro', makes them again and replaces these records of dvc.lock.",
            err=True,
        )
    elif in_lock:
        typer.echo("'dvc repro' makes them again and replaces these records of dvc.lock.", err=True)
    if remove:
        remove_files(verdict.damaged)
        remove_entries(entries)
        if verdict.damaged or entries:
            typer.echo(f"{len(verdict.damaged) + len(entries)} removed; 'dvc repro' makes them again, 'dvc pull' fetches what was pushed.")
    elif verdict.damaged or entries:
        typer.echo(
            "'laanet verify --remove' removes what is damaged, and what is wrong or unconfirmed in the run cache; 'dvc repro' then makes "
            "it again.",
            err=True,
        )
    wrong_entries = any(finding.contradicted for finding in verdict.findings if finding.record.path is not None)
    left = (verdict.damaged or wrong_entries) and not remove
    if left or verdict.other or any(finding.contradicted for finding in in_lock):
        raise typer.Exit(1)


def clean(
    most: Annotated[
        str | None, typer.Option(metavar="SIZE", help="What items may take, such as 50GB; the oldest beyond it go as well.")
    ] = None,
) -> None:
    """Remove from the work folder what the last run of each step did not use; outputs and DVC's cache stay as they are."""
    from laanet_core.work.clean import clean_work

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
