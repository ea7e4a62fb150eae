"""Fitting the calibrations of a checkpoint on scored videos, those of reports/<data set>."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from laanet_core.errors import LaanetError
from laanet_core.model.calibration import Calibrations, bounds_reached, fit_calibrations
from laanet_core.model.checkpoint import MAX_SOURCE, brief, load_model, save_model
from laanet_core.store.csv_io import read_table
from laanet_core.store.digests import file_digest


class _Face(NamedTuple):
    """The largest face of a frame: the network's logit, and the label and split of its video."""

    logit: float
    label: int
    split: str


class Fit(NamedTuple):
    """Fitted calibrations; at_bounds: a sentence for each slope that reached its bound."""

    calibrations: Calibrations
    at_bounds: list[str]


def calibrate(source: Path, reports: Path, out: Path) -> Fit:
    """Fit calibrations on the logits that a checkpoint gave to a data set, and write a copy of the checkpoint with them.

    The weights stay unchanged. reports: folder with scores.csv (video_id, label, split) and frame_scores.csv (video_id, frame, face,
    logit). Only the largest face of each frame is used, since labels belong to videos and smaller faces in a fake may be real.
    Raises LaanetError if files are missing, malformed or from different runs, if scoring.json names another checkpoint, and if
    the videos are all of one class.
    """
    if out.suffix != ".safetensors":
        raise LaanetError(f"{out}: checkpoints are .safetensors files; give a name with that suffix.")
    model = load_model(source)
    _check_scored_by(source, reports / "scoring.json")
    faces = list(_largest_faces(reports))
    splits = ", ".join(sorted({face.split for face in faces}))
    fitted_on = f"{reports} ({splits})".encode(errors="replace").decode()[:MAX_SOURCE]
    logits, labels = [face.logit for face in faces], [face.label for face in faces]
    try:
        model.calibrations = fitted = fit_calibrations(logits, labels, fitted_on)
    except LaanetError as error:
        raise LaanetError(f"{reports}: {error}") from None
    save_model(model, out)
    return Fit(fitted, bounds_reached(fitted, logits, labels))


def _check_scored_by(checkpoint: Path, path: Path) -> None:
    """Raise LaanetError if scoring.json names another checkpoint; without a scoring.json nothing is checked."""
    if not path.exists():
        return
    try:
        scored_by = json.loads(path.read_text())["checkpoint_sha256"]
    except (OSError, ValueError, LookupError, TypeError):
        raise LaanetError(f"{path}: does not name the checkpoint that made the scores; score again with 'dvc repro'.") from None
    if scored_by != file_digest(checkpoint):
        raise LaanetError(f"{path}: another checkpoint than {checkpoint} made these scores; give that checkpoint or score again.")


def _largest_faces(reports: Path) -> Iterator[_Face]:
    videos = _videos(reports / "scores.csv")
    path = reports / "frame_scores.csv"
    for number, row in enumerate(_rows(path, ["video_id", "frame", "face", "logit"]), start=2):
        if row["face"] != "0":
            continue
        if row["video_id"] not in videos:
            raise LaanetError(f"{path}, line {number}: video {row['video_id']!r} is not in scores.csv; give both files of the same run.")
        yield _Face(_logit(row["logit"], f"{path}, line {number}"), *videos[row["video_id"]])


def _videos(path: Path) -> dict[str, tuple[int, str]]:
    """video_id -> label and split."""
    videos: dict[str, tuple[int, str]] = {}
    for number, row in enumerate(_rows(path, ["video_id", "label", "split"]), start=2):
        if row["label"] not in {"0", "1"}:
            raise LaanetError(f"{path}, line {number}: label {row['label']!r}; it must be 0 (real) or 1 (fake).")
        if row["video_id"] in videos:
            raise LaanetError(f"{path}, line {number}: video {row['video_id']!r} is listed twice; remove one of the rows.")
        videos[row["video_id"]] = int(row["label"]), row["split"] or "no split"
    return videos


def _rows(path: Path, columns: list[str]) -> list[dict[str, str]]:
    try:
        return read_table(path, columns)
    except (OSError, ValueError, csv.Error) as error:
        raise LaanetError(f"{path}: cannot be read as a table ({brief(str(error))}); score again with 'dvc repro'.") from None


def _logit(text: str | None, where: str) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise LaanetError(f"{where}: logit {text!r} is not a finite number; score again with 'dvc repro'.")
    return value
