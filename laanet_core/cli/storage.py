"""Commands on stored files: verify checks their integrity, clean frees disk space."""

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
        typer.Option("--remove", help="Remove damaged files, and wrong or unconfirmed entries of DVC's run cache."),
    ] = False,
) -> None:
    """Check outputs, DVC's cache and the work folder: list damaged files, and DVC records that contradict what the files state."""
    report = verify_artefacts(Path.cwd(), dvc_cache(), work_root())
    for path in report.damaged:
        typer.echo(f"damaged: {os.path.relpath(path)}")
    for path in report.other:
        typer.echo(f"differs from dvc.lock: {os.path.relpath(path)}")
    wrong_first = sorted(report.findings, key=lambda finding: not finding.contradicted)
    for (record, contradicted), group in groupby(wrong_first, key=lambda finding: (finding.record, finding.contradicted)):
        place = f" ({os.path.relpath(record.path)})" if record.path else ""
        texts = "; ".join(finding.text for finding in group)
        typer.echo(f"{'wrong' if contradicted else 'unconfirmed'}: {record.where}{place}: {texts}")
    absent = f", {len(report.absent)} listed but missing" if report.absent else ""
    unknown = f", {report.unknown} work items without a digest" if report.unknown else ""
    wrong = len({(finding.record.stage, finding.record.path) for finding in report.findings if finding.contradicted})
    records = f", {counted(wrong, 'wrong record')}" if wrong else ""
    typer.echo(
        f"{counted(report.checked, 'file')} ({in_words(report.n_bytes)}) read, {len(report.damaged)} damaged{records}{absent}{unknown}"
    )
    _advise(report, remove)


def _advise(report: IntegrityReport, remove: bool) -> None:
    """Remove what was found if `remove`, or print how to repair it; exits with status 1 if errors are left."""
    in_lock = [finding for finding in report.findings if finding.record.path is None]
    entries = sorted({finding.record.path for finding in report.findings if finding.record.path is not None})
    if report.other:
        typer.echo("'dvc checkout' or 'git checkout' restores the files of dvc.lock, 'dvc repro' rebuilds them.", err=True)
    repaired = {finding.record.stage for finding in in_lock if finding.repaired}
    by_hand = dict.fromkeys(finding.record.stage for finding in in_lock if finding.record.stage not in repaired)
    if by_hand:
        names = " ".join(by_hand)
        typer.echo(
            f"'dvc repro --force --single-item {names}', then 'dvc repro', rebuilds these outputs and replaces their records in dvc.lock.",
            err=True,
        )
    elif in_lock:
        typer.echo("'dvc repro' rebuilds these outputs and replaces their records in dvc.lock.", err=True)
    if remove:
        remove_files(report.damaged)
        remove_entries(entries)
        if report.damaged or entries:
            typer.echo(f"{len(report.damaged) + len(entries)} removed; 'dvc repro' rebuilds them, 'dvc pull' fetches what was pushed.")
    elif report.damaged or entries:
        typer.echo(
            "'laanet verify --remove' removes damaged files, and wrong or unconfirmed entries of the run cache; 'dvc repro' then rebuilds "
            "them.",
            err=True,
        )
    wrong_entries = any(finding.contradicted for finding in report.findings if finding.record.path is not None)
    left = (report.damaged or wrong_entries) and not remove
    if left or report.other or any(finding.contradicted for finding in in_lock):
        raise typer.Exit(1)


def clean(
    most: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Maximum size of all work items, such as 50GB; older ones are removed."),
    ] = None,
) -> None:
    """Remove work items that the last run of each step did not use; outputs and DVC's cache are not touched."""
    from laanet_core.store.prune import clean_work

    report = clean_work(work_root(), in_bytes(most) if most else None)
    for step in report.busy:
        typer.echo(f"{step}: skipped, another run is writing there", err=True)
    parts = {
        "downloaded weights": report.fetched,
        "training states": report.states,
        "records, folders and skipped steps" if report.busy else "records and folders": report.rest,
    }
    others = ", ".join(f"{name} {in_words(n_bytes)}" for name, n_bytes in parts.items())
    typer.echo(
        f"{counted(report.removed, 'item')} removed ({in_words(report.freed)} freed), {report.kept} kept ({in_words(report.held)}); "
        f"files that are never removed take another {in_words(sum(parts.values()))} ({others})"
    )
