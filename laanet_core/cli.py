"""The command `laanet`: what is done with checkpoints outside the pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from laanet_core.errors import LaanetError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_show_locals=False)


@app.callback()
def laanet() -> None:
    """LAA-Net's checkpoints: import the published ones, export for other programs."""


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


@contextmanager
def _one_sentence() -> Iterator[None]:
    """Print what the user can mend as one line, without a traceback, and end with status 1."""
    try:
        yield
    except LaanetError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
