"""The command `laanet`: tools around the pipeline for parameters, checkpoints, experiments, scores and stored files."""

from __future__ import annotations

import typer

from laanet_core.cli.checkpoints import calibrate, explain, export, import_checkpoint
from laanet_core.cli.errors import one_sentence
from laanet_core.cli.experiments import collect, compare
from laanet_core.cli.presets import preset
from laanet_core.cli.running import run
from laanet_core.cli.storage import clean, verify

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_show_locals=False)


@app.callback()
def laanet() -> None:
    """Tools around the LAA-Net pipeline: presets, checkpoints, experiments, comparison of detectors, integrity checks, disk space."""


for command in (preset, import_checkpoint, export, explain, calibrate, compare, collect, verify, clean):
    app.command()(one_sentence()(command))
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(one_sentence()(run))
