"""Commands on checkpoints: import, export, explain and calibrate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def import_checkpoint(
    source: Annotated[Path, typer.Argument(metavar="OFFICIAL.pth", help="A checkpoint published by the authors.")],
    out: Annotated[Path, typer.Argument(metavar="OUT.safetensors", help="The checkpoint of this project to write.")],
    image_size: Annotated[int, typer.Option(help="Side length in pixels of the crops that it will score.")] = 384,
) -> None:
    """Convert a published checkpoint to this project's format, without executing any code in it."""
    from laanet_core.model.official import import_official

    import_official(source, out, image_size)
    typer.echo(f"{out}: written; set evaluate.checkpoint to it to score with it.")


def export(
    source: Annotated[Path, typer.Argument(metavar="MODEL.safetensors", help="A checkpoint of this project.")],
    out: Annotated[Path, typer.Argument(metavar="OUT.onnx", help="The ONNX file to write.")],
    image_size: Annotated[int | None, typer.Option(min=32, max=4096, help="Side length in pixels; the checkpoint's by default.")] = None,
) -> None:
    """Export a checkpoint to ONNX, for normalised images and any batch size, and check that its output agrees with PyTorch."""
    from laanet_core.model.export import export_onnx

    difference = export_onnx(source, out, image_size)
    typer.echo(f"{out}: written; its output differs from PyTorch by {difference:.1e} of the largest value.")


def explain(
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE", help="Pictures of faces, cropped like the data sets' crops, of any size.")
    ],
    checkpoint: Annotated[
        list[Path], typer.Option(metavar="MODEL.safetensors", help="A checkpoint of this project; repeat the option to compare several.")
    ],
    out: Annotated[Path, typer.Option(metavar="SHEET.png", help="The picture to write.")],
) -> None:
    """Draw a row per face: heat map and Grad-CAM of each checkpoint, with p, the sigmoid of its logit."""
    from laanet_core.explanation.contact_sheet import write_explanations

    write_explanations(images, checkpoint, out)
    typer.echo(f"{out}: written.")


def calibrate(
    source: Annotated[Path, typer.Argument(metavar="MODEL.safetensors", help="A checkpoint of this project.")],
    reports: Annotated[
        Path,
        typer.Argument(
            metavar="REPORTS",
            help="Folder reports/<data set> with scores.csv and frame_scores.csv, made with this checkpoint (scoring.json is checked).",
        ),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT.safetensors", help="The calibrated copy to write.")],
) -> None:
    """Fit temperature and Platt calibration of a checkpoint on scored videos.

    Use other videos than those that you want to evaluate.
    Only the largest face of each frame is used. The weights and the order of the scores do not change.
    """
    from laanet_core.evaluation.calibrate import calibrate as calibrate_checkpoint

    fitted, at_bounds = calibrate_checkpoint(source, reports, out)
    for sentence in at_bounds:
        typer.echo(f"{out}: {sentence}", err=True)
    typer.echo(
        f"{out}: written; temperature {1 / fitted.temperature.slope:.4g}, Platt slope {fitted.platt.slope:.4g} and intercept "
        f"{fitted.platt.intercept:.4g}, fitted on {fitted.n_real} real and {fitted.n_fake} fake faces; set evaluate.checkpoint to it to "
        "score with it."
    )
