"""The command that installs a preset as params.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def preset(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a file in presets/ without suffix, such as demo or paper.")],
    file: Annotated[Path, typer.Option(metavar="PARAMS.yaml", help="The parameter file to overwrite.")] = Path("params.yaml"),
) -> None:
    """Overwrite params.yaml with a preset, keep your own data sets, and list what changes."""
    from laanet_core.params.presets import apply_preset

    applied = apply_preset(name, file)
    for change in applied.parameters:
        typer.echo(f"{change.key}: {change.old} -> {change.new}")
    for dataset in applied.kept:
        typer.echo(f"datasets.{dataset}: kept" + (", instead of the preset's data set of that name" if dataset in applied.shadowed else ""))
    for dataset in applied.added:
        typer.echo(f"datasets.{dataset}: added")
    for dataset in applied.removed:
        typer.echo(f"datasets.{dataset}: removed")
    typer.echo(f"{file}: is now the preset '{name}'; 'git checkout {file}' restores the last commit's version.")
