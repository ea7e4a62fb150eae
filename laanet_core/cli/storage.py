"""Commands that check what is stored, and make room."""

from __future__ import annotations

import os
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from laanet_core.cli.project import dvc_cache
from laanet_core.store.dvc_records import remove_entries
from laanet_core.store.sizes import in_bytes, in_words
from laanet_core.store.verify import IntegrityReport, remove_files
from laanet_core.store.verify import verify as verify_artefacts
from laanet_core.store.work_dir import work_root
from laanet_core.text import counted


def verify(
    remove: Annotated[
        bool,
        typer.Option("--remove", help="Remove what is damaged, and entries of DVC's run cache that their artefacts do not confirm."),
    ] = False,
) -> None:
    """Read outputs, DVC's cache and the work folder again; name what is damaged, and records of DVC that the artefacts contradict."""
    report = verify_artefacts(Path.cwd(), dvc_cache(), work_root())
    for path in report.damaged:
        typer.echo(f"damaged: {os.path.relpath(path)}")
    for path in report.other:
        typer.echo(f"not what dvc.lock has: {os.path.relpath(path)}")
    wrong_first = sorted(report.findings, key=lambda finding: not finding.contradicted)
    for (record, contradicted), group in groupby(wrong_first, key=lambda finding: (finding.record, finding.contradicted)):
        place = f" ({os.path.relpath(record.path)})" if record.path else ""
        said = "; ".join(finding.text for finding in group)
        typer.echo(f"{'wrong' if contradicted else 'unconfirmed'}: {record.where}{place}: {said}")
    gone = f", {len(report.absent)} listed ones are not here" if report.absent else ""
    unknown = f", {report.unknown} work items without a digest" if report.unknown else ""
    wrong = len({(finding.record.stage, finding.record.path) for finding in report.findings if finding.contradicted})
    records = f", {counted(wrong, 'wrong record')}" if wrong else ""
    typer.echo(
        f"{counted(report.checked, 'file')} ({in_words(report.n_bytes)}) read, {len(report.damaged)} damaged{records}{gone}{unknown}"
    )
    _advise(report, remove)


def _advise(report: IntegrityReport, remove: bool) -> None:
    """Say how to get rid of what was found, or do it; ends with status 1 while something is left that is not as it should be."""
    in_lock = [finding for finding in report.findings if finding.record.path is None]
    entries = sorted({finding.record.path for finding in report.findings if finding.record.path is not None})
    if report.other:
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
        remove_files(report.damaged)
        remove_entries(entries)
        if report.damaged or entries:
            typer.echo(f"{len(report.damaged) + len(entries)} removed; 'dvc repro' makes them again, 'dvc pull' fetches what was pushed.")
    elif report.damaged or entries:
        typer.echo(
            "'laanet verify --remove' removes what is damaged, and what is wrong or unconfirmed in the run cache; 'dvc repro' then makes "
            "it again.",
            err=True,
        )
    wrong_entries = any(finding.contradicted for finding in report.findings if finding.record.path is not None)
    left = (report.damaged or wrong_entries) and not remove
    if left or report.other or any(finding.contradicted for finding in in_lock):
        raise typer.Exit(1)


def clean(
    most: Annotated[
        str | None, typer.Option(metavar="SIZE", help="What items may take, such as 50GB; the oldest beyond it go as well.")
    ] = None,
) -> None:
    """Remove from the work folder what the last run of each step did not use; outputs and DVC's cache stay as they are."""
    from laanet_core.store.prune import clean_work

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
