"""Inputs of the report, written with the stages' own writers where possible, and a parser of the page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.special import logit

from laanet_core.evaluation.result_tables import Row, write_results
from laanet_core.evaluation.robustness.measure import RobustnessRow
from laanet_core.evaluation.scoring import FrameScore
from laanet_core.params import Params
from laanet_core.quality.bins import write_edges
from laanet_core.reporting.page import ReportFiles, build_report
from laanet_core.reporting.paper.experiments import Experiment, write_experiments
from laanet_core.reporting.provenance import Artefact, Provenance
from laanet_core.store.csv_io import write_table

FAILED: Row = {
    "video_id": "test/real/<b>empty</b> & room", "method": "real", "label": 0, "split": "test", "n_frames": 0, "score": None,
    "status": "no_face", "mask_ssim": None, "bin": "", "reason": "no face in 8 frames",
}  # fmt: skip
PROVENANCE = Provenance("0" * 39 + "1", (), (Artefact("data/crops/demo", "abc.dir"),), (("cores", "2"),), "2026-01-02 03:04 UTC")
SCORING = {
    "checkpoint": "data/checkpoints/model.safetensors", "checkpoint_sha256": "5" * 64, "split": "test", "average": "probability",
    "flip": False, "threshold": 0.5,
    "calibration": {"method": "temperature", "slope": 0.63, "intercept": 0.0, "fitted_on": "pseudo-fakes of the val split of demo"},
}  # fmt: skip


class Page(HTMLParser):
    """Tags with their attributes, ids, and the text between tags."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data

    def attributes(self, name: str) -> list[str]:
        return [value or "" for _, attributes in self.tags for key, value in attributes.items() if key == name]

    @property
    def pictures(self) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == "img"]


def row(number: int, label: int, score: float | None, mask_ssim: float | None = None) -> Row:
    """A scored video of the test split; every third fake with a Mask-SSIM is in the lower bin."""
    method = ("poisson", "feather")[number % 2] if label else "real"
    edges = "0.90-0.95" if number % 3 else "0.85-0.90"
    return {
        **FAILED, "video_id": f"test/{'fake' if label else 'real'}/clip_{number:02d}", "method": method, "label": label, "n_frames": 2,
        "score": score, "status": "ok", "mask_ssim": mask_ssim, "bin": edges if mask_ssim else "", "reason": "",
    }  # fmt: skip


def demo_rows() -> list[Row]:
    """Reals, fakes (one of them unpaired), one video scored in part and one without a face."""
    draw = np.random.default_rng(5)
    fakes = [row(number, 1, float(draw.beta(5, 3)), float(draw.uniform(0.86, 0.95))) for number in range(13)] + [row(13, 1, 0.4)]
    reals = [row(number, 0, float(draw.beta(3, 5))) for number in range(7)]
    return [*reals[:6], {**reals[6], "reason": "no face in 4 of 8 frames"}, *fakes, FAILED]


def write_inputs(
    root: Path,
    rows: Mapping[str, Sequence[Row]],
    params: Params,
    robustness: Sequence[RobustnessRow] = (),
    experiments: Sequence[Experiment] = (),
) -> None:
    """evaluation/<d>, training, robustness.csv and experiments.csv."""
    for name, table in rows.items():
        folder = root / "evaluation" / name
        folder.mkdir(parents=True)
        scored = [item for item in table if item["score"] is not None]
        frames = {item["video_id"]: [FrameScore(frame, 0, logit(item["score"]), item["score"]) for frame in (0, 9)] for item in scored}
        write_edges(root / "bins.csv", params.quality.bins, [item["mask_ssim"] for item in scored if item["mask_ssim"]])
        write_results(table, frames, SCORING, params, root / "bins.csv", folder)
        write_gallery(folder, scored[:6])
    columns = ["epoch", "loss", "loss_class", "loss_heatmap", "loss_consistency", "val_loss", "val_auc"]
    log = [[epoch, 60 / epoch, 0.7, 1.2, 0.5, 70 / epoch, 1 - 0.4 / epoch] for epoch in range(1, 7)]
    write_table(root / "training/log.csv", columns, (dict(zip(columns, values, strict=True)) for values in log))
    (root / "training/metrics.json").write_text(
        json.dumps({"best_epoch": 6, "val_auc": 0.93, "val_loss": 11.0, "train_loss": 10.0, "crops_left_out": 3})
    )
    write_table(root / "robustness.csv", RobustnessRow._fields, (item._asdict() for item in robustness))
    write_experiments(root / "experiments.csv", experiments)


def write_gallery(folder: Path, rows: Sequence[Row], maps: Sequence[str] = ("heatmap", "gradcam")) -> None:
    """Grey faces; maps: those that the network has."""
    items = []
    for number, item in enumerate(rows):
        files: dict[str, str | None] = {"crop": f"{number:02d}.png", "heatmap": None, "gradcam": None}
        files |= {kind: f"{number:02d}_{kind}.png" for kind in maps}
        for name in filter(None, files.values()):
            cv2.imwrite(str(folder / name), np.full((160, 160, 3), 128, np.uint8))
        peak = 0.4 if "heatmap" in maps else None
        shown = {"frame": 9, "face": 0, "frame_score": item["score"], "heatmap_max": peak, "video_score": item["score"]}
        group = "real_high" if item["label"] == 0 else ("fake_high", "fake_low")[number % 2]
        known = {key: item[key] for key in ("video_id", "label", "method", "mask_ssim")}
        items.append({**files, **known, **shown, "group": group})
    scale = 0.4 if "heatmap" in maps else 0.0
    (folder / "gallery.json").write_text(json.dumps({"heatmap_scale": scale, "items": items}))


def report(root: Path, params: Params, provenance: Provenance = PROVENANCE) -> Path:
    """The page made from the files of `write_inputs`."""
    out = root / "index.html"
    sheet: np.ndarray[Any, np.dtype[np.uint8]] = np.full((40, 90, 3), 200, np.uint8)
    files = ReportFiles(root / "evaluation", root / "training", root / "experiments.csv", root / "robustness.csv")
    build_report(files, sheet, params, provenance, out)
    return out
