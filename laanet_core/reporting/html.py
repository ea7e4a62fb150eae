"""The report: one HTML page with its figures and pictures inside, readable without a network."""

from __future__ import annotations

import base64
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from numpy.typing import NDArray

from laanet_core.errors import LaanetError
from laanet_core.params import DatasetParams, Params
from laanet_core.reporting import figures
from laanet_core.reporting.published import PAPER, Published
from laanet_core.reporting.results import DatasetResult, read_json, read_log, read_result

DEMO_ROOT = "data/raw/demo"
CHECKPOINTS = Path("data/checkpoints")
THUMBNAIL = 208
JPEG_QUALITY = 88
ROWS_SHOWN = 200
CHANCE = 0.5

Rgb = NDArray[np.uint8]


class Picture(NamedTuple):
    """An image of the page: data URI, what it shows in words, and its caption."""

    source: str
    alt: str
    caption: str


class Verdict(NamedTuple):
    """What the AUC of a data set amounts to: `kind` is good, bad or open."""

    kind: str
    text: str


def build_report(evaluation: Path, training: Path, sheet: Rgb | None, params: Params, out: Path) -> None:
    """Write the page; the same inputs give the same bytes.

    evaluation: folder with one folder a data set; training: folder with log.csv and metrics.json; sheet: RGB picture of pseudo-fakes,
    where there is one. Both stay out where the scores are of a network that was not trained here.
    Raises LaanetError when results are missing.
    """
    results = [read_result(name, evaluation / name) for name in params.datasets]
    trained_here = Path(params.evaluate.checkpoint).parent == CHECKPOINTS
    metrics = read_json(training / "metrics.json") if trained_here else {}
    curves = training_pictures(read_log(training / "log.csv"), metrics) if trained_here else []
    shown = None if sheet is None or not trained_here else sheet_picture(sheet, params.synthesis.method, metrics["crops_left_out"])
    page = _template().render(
        params=params, demos=[result for result in results if is_demo(params.datasets[result.name])], results=results,
        verdicts={result.name: verdict(result) for result in results},
        pictures={result.name: dataset_pictures(result, params) for result in results},
        training=curves, sheet=shown, comparison=comparison(results, params.datasets),
        rows_shown=ROWS_SHOWN, trained_here=trained_here,
    )  # fmt: skip
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    temporary.write_text(page)
    os.replace(temporary, out)


def is_demo(dataset: DatasetParams) -> bool:
    """Whether a data set is the embedded demo."""
    return os.path.normpath(dataset.root) == DEMO_ROOT


def verdict(result: DatasetResult) -> Verdict:
    """One sentence on whether fakes are told from reals, by where the 95 % interval of the AUC lies."""
    area, low, high = (result.metrics[key] for key in ("auc", "auc_low", "auc_high"))
    if area is None:
        return Verdict("open", f"No verdict: {result.note}.")
    if low is None or high is None:
        return Verdict("open", "No verdict: no interval was computed (evaluate.bootstrap is 0).")
    if low > CHANCE:
        return Verdict("good", "Fakes are told from real videos better than by chance.")
    if high < CHANCE:
        return Verdict("bad", "Worse than chance: real videos get the higher scores.")
    return Verdict("open", "Not told from chance: the interval includes 0.5.")


def comparison(results: Sequence[DatasetResult], datasets: Mapping[str, DatasetParams]) -> list[tuple[Published, DatasetResult | None]]:
    """Each data set of the paper with our result on it, None where it was not run."""
    ours = {datasets[result.name].adapter or result.name: result for result in results}
    return [(published, ours.get(published.adapter)) for published in PAPER]


def dataset_pictures(result: DatasetResult, params: Params) -> dict[str, Any]:
    """Figures and sample crops of one data set; figures that have nothing to show are left out."""
    return {"figures": _dataset_figures(result, params), **_gallery(result)}


def _dataset_figures(result: DatasetResult, params: Params) -> list[Picture]:
    metrics, pictures = result.metrics, []
    if result.roc:
        svg = figures.roc_figure([point.fpr for point in result.roc], [point.tpr for point in result.roc], f"AUC {metrics['auc']:.3f}")
        caption = "ROC of the video scores. A curve in the upper left corner is best."
        pictures.append(_figure(svg, f"ROC curve, area {metrics['auc']:.3f}.", caption))
    if result.scores(0) or result.scores(1):
        counts = f"{len(result.scores(1))} fake and {len(result.scores(0))} real videos"
        svg = figures.score_figure(result.scores(0), result.scores(1))
        pictures.append(_figure(svg, f"Histogram of the scores of {counts}.", f"Scores of {counts}: fakes upwards, reals downwards."))
    if any(item.auc is not None for item in result.bins):
        words = "; ".join(f"{item.bin}: {_words(item.auc)} with {item.n_fake} fakes" for item in result.bins)
        caption = "AUC by Mask-SSIM: each bin's fakes against all real videos; bars are 95\N{NO-BREAK SPACE}% intervals."
        pictures.append(_figure(figures.bins_figure(result.bins), f"AUC by Mask-SSIM bin. {words}.", caption))
    if result.mask_ssim:
        svg, average = figures.ssim_figure(result.mask_ssim, params.quality.bins), metrics["mean_mask_ssim"]
        caption = "Quality of the fakes: Mask-SSIM, with the edges of the bins."
        pictures.append(_figure(svg, f"Histogram of Mask-SSIM, mean {_words(average)}.", caption))
    return pictures


def _gallery(result: DatasetResult) -> dict[str, list[list[Picture]]]:
    """Group -> faces, each a crop and, where the network predicts one, its heat map."""
    groups: dict[str, list[list[Picture]]] = {}
    for item in result.gallery["items"]:
        kind = f"fake, {item['method']}" if item["label"] else "real"
        score = f"score {item['video_score']:.3f}" + (f", Mask-SSIM {item['mask_ssim']:.2f}" if item["mask_ssim"] is not None else "")
        what = f"frame {item['frame']} of {item['video_id']} ({kind})"
        folder = result.gallery_folder
        face = [Picture(thumbnail(folder / item["crop"]), f"Face crop, {what}.", f"{item['video_id']} ({kind}), {score}")]
        if item["heatmap"] is not None:
            peak = f"heat map up to {item['heatmap_max']:.2f}"
            face.append(Picture(thumbnail(folder / item["heatmap"]), f"The same crop under its predicted heat map, {peak}.", peak))
        groups.setdefault(item["group"], []).append(face)
    return groups


def training_pictures(log: Mapping[str, Sequence[float]], metrics: Mapping[str, Any]) -> list[Picture]:
    """Loss and validation AUC by epoch; none for an empty log."""
    if not log["epoch"]:
        return []
    best = metrics.get("best_epoch")
    loss = f"Loss by epoch: training from {_words(log['loss'][0])} to {_words(log['loss'][-1])}."
    area = f"Validation AUC by epoch, highest {_words(max(log['val_auc']))}; epoch {best} was chosen."
    return [
        _figure(figures.loss_figure(log), loss, "Training loss, and the loss on fixed pseudo-fakes of the validation split."),
        _figure(figures.validation_figure(log, best), area, "AUC on the pseudo-fakes of the validation split; it chooses the checkpoint."),
    ]


def sheet_picture(sheet: Rgb, method: str, left_out: int) -> Picture:
    """The sheet of pseudo-fakes at its full size; left_out: train crops of which none can be made."""
    fakes = {"sbi": "the self-blended fakes made of them", "bi": "the fakes made by blending another person's face into them"}[method]
    crops = f"{left_out} crops" if left_out > 1 else "1 crop"
    lost = f" {crops} with landmarks that allow no blend were left out." if left_out else ""
    caption = f"What the network learns from, some of its random draws: real faces, {fakes}, and the targets of Eq. 2 to 7.{lost}"
    alt = "Training examples, one a row: real face, pseudo-fake, mask, boundary, vulnerable points, heat map and consistency."
    return Picture(_jpeg(cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR)), alt, caption)


def thumbnail(path: Path) -> str:
    """Data URI of an image file, at most THUMBNAIL pixels a side; raises LaanetError when it is missing or no image."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise LaanetError(f"{path}: missing or no image; build it again with 'dvc repro'.")
    factor = THUMBNAIL / max(image.shape[:2])
    return _jpeg(cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA) if factor < 1 else image)


def _jpeg(image: Rgb) -> str:
    """Data URI of a BGR image as JPEG."""
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return _data_uri(data.tobytes(), "image/jpeg")


def _figure(svg: str, alt: str, caption: str) -> Picture:
    return Picture(_data_uri(svg.encode(), "image/svg+xml"), alt, caption)


def _data_uri(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _words(value: float | None) -> str:
    return "none" if value is None or math.isnan(value) else f"{value:.3f}"


def _template() -> Any:
    """The page's template; every value is escaped, an unknown name is an error."""
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["number"] = lambda value, digits=3: "–" if value is None else f"{value:.{digits}f}"
    environment.filters["percent"] = lambda value, digits=2: "–" if value is None else f"{100 * value:.{digits}f}"
    return environment.get_template("report.html.j2")
