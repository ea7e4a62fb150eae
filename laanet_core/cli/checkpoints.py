"""Commands that take checkpoints of this project, and the one that makes one of a published file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def import_checkpoint(
    source: Annotated[Path, typer.Argument(metavar="OFFICIAL.pth", help="A checkpoint as the authors publish it.")],
    out: Annotated[Path, typer.Argument(metavar="OUT.safetensors", help="The checkpoint of this project to write.")],
    image_size: Annotated[int, typer.Option(help="Pixels of a side of the crops it will judge.")] = 384,
) -> None:
    """Turn a published checkpoint into one of this project; nothing in it is run."""
    from laanet_core.model.official import import_official

    import_official(source, out, image_size)
    typer.echo(f"{out}: written; evaluate.checkpoint takes it.")


def export(
    source: Annotated[Path, typer.Argument(metavar="MODEL.safetensors", help="A checkpoint of this project.")],
    out: Annotated[Path, typer.Argument(metavar="OUT.onnx", help="The ONNX file to write.")],
    image_size: Annotated[int | None, typer.Option(min=32, max=4096, help="Pixels of a side; by default the checkpoint's own.")] = None,
) -> None:
    """Write a checkpoint as ONNX, for normalised images in batches of any size, once it agrees with torch."""
    from laanet_core.model.export import export_onnx

    difference = export_onnx(source, out, image_size)
    typer.echo(f"{out}: written; differs from torch by {difference:.1e} of the largest value.")


def explain(
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE", help="Pictures of faces, cut out as the data sets' crops are, of any size.")
    ],
    checkpoint: Annotated[
        list[Path], typer.Option(metavar="MODEL.safetensors", help="A checkpoint of this project; name several to compare.")
    ],
    out: Annotated[Path, typer.Option(metavar="SHEET.png", help="The picture to write.")],
) -> None:
    """Draw what networks see in faces, a row each: heat map and Grad-CAM of each checkpoint, and p, the sigmoid of its logit."""
    from laanet_core.explanation.contact_sheet import write_explanations

    write_explanations(images, checkpoint, out)
    typer.echo(f"{out}: written.")


def calibrate(
    source: Annotated[Path, typer.Argument(metavar="MODEL.safetensors", help="A checkpoint of this project.")],
    reports: Annotated[
        Path,
        typer.Argument(
            metavar="REPORTS",
            help="reports/<data set>, with scores.csv and frame_scores.csv; this checkpoint must have made them (scoring.json says so).",
        ),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT.safetensors", help="The calibrated copy to write.")],
) -> None:
    """Fit temperature and Platt calibration on scored videos; take others than those whose probabilities you want to judge.

    The largest face of each frame counts. Weights and the order of scores stay as they are.
    """
    from laanet_core.evaluation.calibrate import calibrate as calibrate_checkpoint

    fitted, at_bounds = calibrate_checkpoint(source, reports, out)
    for sentence in at_bounds:
        typer.echo(f"{out}: {sentence}", err=True)
    typer.echo(
        f"{out}: written; temperature {1 / fitted.temperature.slope:.4g}, Platt slope {fitted.platt.slope:.4g} and intercept "
        f"{fitted.platt.intercept:.4g}, fitted on {fitted.n_real} real and {fitted.n_fake} fake faces; evaluate.checkpoint takes it."
    )
