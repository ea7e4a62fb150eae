"""The command `laanet`: what is done outside the pipeline, with checkpoints and with the files that it keeps."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from laanet_core.errors import LaanetError
from laanet_core.sizes import in_bytes, in_words
from laanet_core.work.folder import work_root

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_show_locals=False)


@app.callback()
def laanet() -> None:
    """LAA-Net outside the pipeline: import and export checkpoints, check what is stored, make room."""


@app.command()
def import_checkpoint(
    source: Annotated[Path, typer.Argument(metavar="OFFICIAL.pth", help="A checkpoint as the authors publish it.")],
    out: Annotated[Path, typer.Argument(metavar="OUT.safetensors", help="The checkpoint of this project to write.")],
    image_size: Annotated[int, typer.Option(help="Pixels of a side of the crops it will judge.")] = 384,
) -> None:
    """Turn a published checkpoint into one of this project; nothing in it is run."""
    from laanet_core.model.official import import_official

    with _one_sentence():
        import_official(source, out, image_size)
    typer.echo(f"{out}: written; evaluate.checkpoint takes it.")


@app.command()
def export(
    source: Annotated[Path, typer.Argument(metavar="MODEL.safetensors", help="A checkpoint of this project.")],
    out: Annotated[Path, typer.Argument(metavar="OUT.onnx", help="The ONNX file to write.")],
    image_size: Annotated[int | None, typer.Option(min=32, max=4096, help="Pixels of a side; by default the checkpoint's own.")] = None,
) -> None:
    """Write a checkpoint as ONNX, for normalised images in batches of any size, once it agrees with torch."""
    from laanet_core.model.export import export_onnx

    with _one_sentence():
        difference = export_onnx(source, out, image_size)
    typer.echo(f"{out}: written; differs from torch by {difference:.1e} of the largest value.")


@app.command()
def verify(
    remove: Annotated[bool, typer.Option("--remove", help="Remove what is damaged, so that 'dvc repro' makes it anew.")] = False,
) -> None:
    """Read outputs, DVC's cache and the work folder again; name what is not what was once written, and outputs that dvc.lock has not."""
    from laanet_core.work.verify import remove_damaged
    from laanet_core.work.verify import verify as verify_artefacts

    with _one_sentence():
        verdict = verify_artefacts(Path.cwd(), _dvc_cache(), work_root())
    for path in verdict.damaged:
        typer.echo(f"damaged: {os.path.relpath(path)}")
    for path in verdict.other:
        typer.echo(f"not what dvc.lock has: {os.path.relpath(path)}")
    gone = f", {len(verdict.absent)} listed ones are not here" if verdict.absent else ""
    unknown = f", {verdict.unknown} work items without a digest" if verdict.unknown else ""
    typer.echo(f"{verdict.checked} files ({in_words(verdict.n_bytes)}) read, {len(verdict.damaged)} damaged{gone}{unknown}")
    if verdict.other:
        typer.echo("'dvc checkout' or 'git checkout' brings back what dvc.lock has, 'dvc repro' makes it anew.", err=True)
    if not verdict.damaged:
        raise typer.Exit(1 if verdict.other else 0)
    if not remove:
        typer.echo("remove what is damaged with 'laanet verify --remove', then run 'dvc repro', which makes them anew.", err=True)
        raise typer.Exit(1)
    remove_damaged(verdict.damaged)
    typer.echo("removed; 'dvc repro' makes them anew, 'dvc pull' fetches what was pushed.")


@app.command()
def clean(
    most: Annotated[
        str | None, typer.Option(metavar="SIZE", help="What may be left, such as 50GB; the oldest items beyond it go as well.")
    ] = None,
) -> None:
    """Remove from the work folder what the last run of each step did not use; outputs and DVC's cache stay as they are."""
    from laanet_core.work.clean import clean_work

    with _one_sentence():
        report = clean_work(work_root(), in_bytes(most) if most else None)
    for step in report.busy:
        typer.echo(f"{step}: left alone, another run is writing there", err=True)
    typer.echo(f"{report.removed} items removed ({in_words(report.freed)} freed), {report.kept} kept ({in_words(report.held)})")


def _dvc_cache() -> Path:
    """DVC's cache folder, wherever its configuration puts it; raises LaanetError outside a DVC project."""
    done = subprocess.run([sys.executable, "-m", "dvc", "cache", "dir"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise LaanetError(f"{Path.cwd()}: is no folder of a DVC project; run in the project's folder.")
    return Path(done.stdout.strip())


@contextmanager
def _one_sentence() -> Iterator[None]:
    """Print what the user can mend as one line, without a traceback, and end with status 1."""
    try:
        yield
    except LaanetError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
