"""The command that puts a preset in place."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def preset(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A file of presets/ without its ending, such as demo or paper.")],
    file: Annotated[Path, typer.Option(metavar="PARAMS.yaml", help="The file to put it in place of.")] = Path("params.yaml"),
) -> None:
    """Put a preset in place as params.yaml, keep your own data sets, and say what changes."""
    from laanet_core.params.presets import apply_preset

    applied = apply_preset(name, file)
    for change in applied.parameters:
        typer.echo(f"{change.key}: {change.old} -> {change.new}")
    for dataset in applied.kept:
        typer.echo(f"datasets.{dataset}: kept" + (", in place of the preset's own" if dataset in applied.shadowed else ""))
    for dataset in applied.added:
        typer.echo(f"datasets.{dataset}: added")
    for dataset in applied.removed:
        typer.echo(f"datasets.{dataset}: removed")
    typer.echo(f"{file}: is now the preset '{name}'; 'git checkout {file}' brings the last commit's back.")
