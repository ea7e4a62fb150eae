"""`laanet calibrate`: fitted calibrations, unchanged weights, and error messages."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner, Result

from laanet_core.cli import app
from laanet_core.evaluation.scoring import DECIMALS
from laanet_core.model import build_model, load_model, save_model
from laanet_core.model.calibration import fit_calibrations
from laanet_core.params import Params
from laanet_core.store.csv_io import read_table, write_table
from laanet_core.store.digests import file_digest
from tests.helpers.drawn_logits import drawn, sigmoid
from tests.helpers.training_set import SIZE, params_of
from tests.unit.evaluation.test_evaluate import DataSet


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network without calibrations."""
    path = tmp_path_factory.mktemp("checkpoint") / "model.safetensors"
    save_model(build_model(params_of().model, None, SIZE), path)
    return path


@pytest.fixture
def reports(checkpoint: Path, tmp_path: Path) -> Path:
    """The results of a data set of 40 videos of two frames, each frame with a second face that would spoil the fit."""
    folder = tmp_path / "reports"
    logits, fake = drawn(6, 40, 0.5, -0.5)
    videos = [{"video_id": f"v{n}", "label": int(label), "split": "val"} for n, label in enumerate(fake)]
    videos.append({"video_id": "blank", "label": 0, "split": "test"})
    write_table(folder / "scores.csv", ["video_id", "label", "split"], videos)
    frames = [
        {"video_id": f"v{n}", "frame": frame, "face": face, "logit": float(-9 * logit if face else logit + frame / 8)}
        for n, logit in enumerate(logits)
        for frame in (0, 8)
        for face in (0, 1)
    ]
    write_table(folder / "frame_scores.csv", ["video_id", "frame", "face", "logit"], frames)
    (folder / "scoring.json").write_text(json.dumps({"checkpoint_sha256": file_digest(checkpoint)}))
    return folder


def calibrate(checkpoint: Path, reports: Path, out: Path) -> Result:
    return CliRunner().invoke(app, ["calibrate", str(checkpoint), str(reports), str(out)])


@pytest.mark.parametrize("has_scoring", [True, False], ids=["scoring.json", "no scoring.json"])
def test_calibrate_fits_on_the_largest_faces_and_keeps_the_weights(
    checkpoint: Path, reports: Path, tmp_path: Path, has_scoring: bool
) -> None:
    if not has_scoring:
        (reports / "scoring.json").unlink()
    done = calibrate(checkpoint, reports, tmp_path / "out.safetensors")
    assert (done.exit_code, done.stderr, done.stdout.count("\n")) == (0, "", 1)
    logits, fake = drawn(6, 40, 0.5, -0.5)
    expected = fit_calibrations(np.concatenate([logits, logits + 1]), np.tile(fake, 2), f"{reports} (val)")
    assert load_model(tmp_path / "out.safetensors").calibrations == expected
    assert f"{expected.n_real} real and {expected.n_fake} fake faces" in done.stdout
    before, after = load_file(checkpoint), load_file(tmp_path / "out.safetensors")
    assert before.keys() == after.keys()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert load_model(checkpoint).calibrations is None


def test_scores_that_are_lower_for_fakes_are_reported_as_inverted(checkpoint: Path, reports: Path, tmp_path: Path) -> None:
    def invert_labels(rows: list[dict[str, str]]) -> None:
        for row in rows:
            row["label"] = str(1 - int(row["label"]))

    rewrite(reports / "scores.csv", invert_labels)
    done = calibrate(checkpoint, reports, tmp_path / "out.safetensors")
    assert (done.exit_code, done.stdout.count("\n"), done.stderr.count("\n")) == (0, 1, 2)
    assert (
        "out.safetensors: temperature is at its bound of 100: the scores are inverted, fakes have the lower ones (the AUC of" in done.stderr
    )


def test_results_of_the_evaluation_can_be_calibrated_on_and_the_calibration_is_used(checkpoint: Path, tmp_path: Path) -> None:
    data = DataSet(tmp_path, checkpoint)
    for seed in range(4):
        data.add(f"real/{seed}", 0, seed)
        data.add(f"fake/{seed}", 1, 5 + seed)
    values = params_of().model_dump()
    values["evaluate"] |= {"bootstrap": 10, "gallery": 1, "calibration": "none"}
    _, before = data.evaluate(Params.model_validate(values))
    fitted = tmp_path / "fitted.safetensors"
    assert calibrate(checkpoint, before, fitted).exit_code == 0
    values["evaluate"] |= {"calibration": "platt"}
    data.files = replace(data.files, checkpoint=fitted)
    _, after = data.evaluate(Params.model_validate(values), "calibrated")
    found = load_model(fitted).calibrations
    assert found is not None
    assert (found.source, found.n_real, found.n_fake) == (f"{before} (test)", 8, 8)
    rows = read_table(after / "frame_scores.csv", ["logit", "score"])
    logits, scores = np.array([(float(row["logit"]), float(row["score"])) for row in rows]).T
    half = 0.5 * 10.0**-DECIMALS  # both columns are rounded, and the sigmoid is at most a quarter as steep as its slope
    rounding = half + found.platt.slope / 4 * half
    assert np.abs(scores - sigmoid(found.platt.slope * logits + found.platt.intercept)).max() <= rounding + 1e-12
    assert json.loads((after / "scoring.json").read_text())["calibration"]["fitted_on"] == found.source


def rewrite(path: Path, change: Callable[[list[dict[str, str]]], None]) -> None:
    """Apply a change to the rows of a table; its columns are those of the first row afterwards."""
    with path.open() as file:
        rows = list(csv.DictReader(file))
    change(rows)
    write_table(path, list(rows[0]), rows)


def without(column: str) -> Callable[[list[dict[str, str]]], None]:
    def change(rows: list[dict[str, str]]) -> None:
        for row in rows:
            del row[column]

    return change


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("scores.csv", without("label"), "scores.csv: has no column 'label'"),
        ("frame_scores.csv", without("logit"), "frame_scores.csv: has no column 'logit'"),
        ("frame_scores.csv", lambda rows: rows[4].update(logit="high"), "frame_scores.csv, line 6: logit 'high' is not a finite number"),
        ("frame_scores.csv", lambda rows: rows[0].update(logit="inf"), "frame_scores.csv, line 2: logit 'inf' is not a finite number"),
        ("frame_scores.csv", lambda rows: rows[0].update(logit=""), "frame_scores.csv, line 2: logit '' is not a finite number"),
        ("frame_scores.csv", lambda rows: rows[0].update(video_id="x"), "frame_scores.csv, line 2: video 'x' is not in scores.csv"),
        ("scores.csv", lambda rows: rows[1].update(label="fake"), "scores.csv, line 3: label 'fake'"),
        ("scores.csv", lambda rows: rows[1].update(video_id="v0"), "scores.csv, line 3: video 'v0' is listed twice"),
        ("scores.csv", lambda rows: [row.update(label="1") for row in rows], "reports: calibration: 0 real and 80 fake faces"),
    ],
)
def test_an_invalid_table_is_reported_in_one_line(
    name: str, change: Any, words: str, checkpoint: Path, reports: Path, tmp_path: Path
) -> None:
    rewrite(reports / name, change)
    assert_refused(calibrate(checkpoint, reports, tmp_path / "out.safetensors"), words, tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("scores.csv", None, "scores.csv: not found"),
        ("frame_scores.csv", None, "frame_scores.csv: not found"),
        ("scores.csv", b"", "has no column 'video_id'"),
        ("scores.csv", b"video_id,label,split\n\xff\xfe,0,val\n", "scores.csv: cannot be read as a table ("),
        ("scores.csv", b"video_id,label,split\nv0\n", "scores.csv, line 2: label None"),
        ("frame_scores.csv", b"video_id,frame,face,logit\n", "0 real and 0 fake faces"),
        ("frame_scores.csv", b"video_id,frame,face,logit\nv0,0,0\n", "line 2: logit None is not a finite number"),
        ("scoring.json", b'{"checkpoint_sha256": "0"}', "scoring.json: another checkpoint than"),
        ("scoring.json", b"{}", "scoring.json: does not name the checkpoint"),
        ("scoring.json", b"[", "scoring.json: does not name the checkpoint"),
        ("scoring.json", b"[]", "scoring.json: does not name the checkpoint"),
    ],
)
def test_an_invalid_file_is_reported_in_one_line(
    name: str, content: bytes | None, words: str, checkpoint: Path, reports: Path, tmp_path: Path
) -> None:
    (reports / name).unlink()
    if content is not None:
        (reports / name).write_bytes(content)
    assert_refused(calibrate(checkpoint, reports, tmp_path / "out.safetensors"), words, tmp_path)


def test_an_invalid_checkpoint_or_output_name_is_reported_in_one_line(checkpoint: Path, reports: Path, tmp_path: Path) -> None:
    assert_refused(calibrate(checkpoint, reports, tmp_path / "out.onnx"), "out.onnx: checkpoints are .safetensors files", tmp_path)
    assert_refused(calibrate(tmp_path / "absent", reports, tmp_path / "out.safetensors"), "absent: not found", tmp_path)
    assert_refused(calibrate(checkpoint, tmp_path / "absent", tmp_path / "out.safetensors"), "scores.csv: not found", tmp_path)
    assert_refused(
        calibrate(checkpoint, reports / "scores.csv", tmp_path / "out.safetensors"), "scores.csv: cannot be read as a table (", tmp_path
    )


def assert_refused(done: Result, words: str, folder: Path) -> None:
    """The command printed one line with these words to stderr and wrote nothing."""
    assert done.exit_code == 1, done.stdout
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert words in done.stderr
    assert [path.name for path in folder.iterdir()] == ["reports"]
