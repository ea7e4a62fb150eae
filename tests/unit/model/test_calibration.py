"""Calibrations: the most likely ones, bounded, kept with the checkpoint, fitted by training."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save_file
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from laanet_core.errors import LaanetError
from laanet_core.media.storage.shards import write_shard
from laanet_core.model import LAANet, build_model, load_model, save_model
from laanet_core.model.calibration import FLATTEST, STEEPEST, Calibration, Calibrations, bounds_reached, fit_calibrations, pick_calibration
from laanet_core.params import Params
from laanet_core.training.dataset import validation_batches
from laanet_core.training.loader import make_loader
from laanet_core.training.pairs import PairBatches
from laanet_core.training.validation import Validation, calibrations_of
from tests.helpers.drawn_logits import Floats, drawn, sigmoid
from tests.helpers.training_set import FRAMES, SIZE, clips_of, crops_of, params_of, run_training, write_videos_csv

FITTED = Calibrations(Calibration(0.5), Calibration(0.25, -1.5), "pseudo-fakes of the val split of demo", 40, 41)


# --- the fit


@pytest.mark.parametrize(("slope", "intercept"), [(0.4, -0.7), (1.0, 0.0), (2.5, 1.0)])
def test_platt_finds_the_slope_and_intercept_that_labels_were_drawn_with(slope: float, intercept: float) -> None:
    fitted = fit_calibrations(*drawn(1, 200_000, slope, intercept), "drawn").platt
    assert fitted.slope == pytest.approx(slope, rel=0.02)
    assert fitted.intercept == pytest.approx(intercept, abs=0.03)


@pytest.mark.parametrize("temperature", [0.5, 1, 4])
def test_temperature_finds_the_temperature_that_labels_were_drawn_with(temperature: float) -> None:
    fitted = fit_calibrations(*drawn(2, 200_000, 1 / temperature, 0), "drawn").temperature
    assert 1 / fitted.slope == pytest.approx(temperature, rel=0.02)
    assert fitted.intercept == 0


@pytest.mark.parametrize("seed", range(3))
def test_both_are_what_scikit_learn_finds_for_platts_targets(seed: int) -> None:
    logits, fake = drawn(seed, 60, 0.5, 0.4)
    fitted = fit_calibrations(logits, fake, "drawn")
    targets = np.where(fake, (fake.sum() + 1) / (fake.sum() + 2), 1 / ((~fake).sum() + 2))
    twice, labels = np.tile(logits, 2)[:, None], np.repeat([1, 0], 60)
    for found, free in ((fitted.temperature, False), (fitted.platt, True)):
        model = LogisticRegression(C=np.inf, fit_intercept=free, tol=1e-10, max_iter=1000)
        model.fit(twice, labels, np.concatenate([targets, 1 - targets]))
        assert found == pytest.approx((model.coef_[0, 0], model.intercept_[0] if free else 0), rel=1e-5)
    assert (fitted.n_real, fitted.n_fake, fitted.source) == ((~fake).sum(), fake.sum(), "drawn")


faces = st.lists(st.tuples(st.floats(-30, 30), st.booleans()), min_size=2, max_size=30)


@settings(max_examples=100, deadline=None)
@given(faces)
def test_no_slope_within_the_bounds_has_a_higher_likelihood(pairs: list[tuple[float, bool]]) -> None:
    logits, fake = np.array([logit for logit, _ in pairs]), np.array([label for _, label in pairs])
    if len(set(fake.tolist())) < 2 or logits.min() == logits.max():
        with pytest.raises(LaanetError):
            fit_calibrations(logits, fake, "drawn")
        return
    fitted = fit_calibrations(logits, fake, "drawn")
    targets = np.where(fake, (fake.sum() + 1) / (fake.sum() + 2), 1 / ((~fake).sum() + 2))

    def loss(calibration: Any) -> float:
        exponent = calibration[0] * logits + calibration[1]
        return float(np.mean(np.logaddexp(0, exponent) - targets * exponent))

    for found, bounds in ((fitted.temperature, (0, 0)), (fitted.platt, (None, None))):
        assert FLATTEST <= found.slope <= STEEPEST
        other = minimize(loss, [1.0, 0.0], method="L-BFGS-B", bounds=[(FLATTEST, STEEPEST), bounds])
        assert loss(found) <= other.fun + 1e-8


def calibration_error(labels: NDArray[np.bool_], probabilities: Floats) -> float:
    """ECE over ten bins."""
    bins = np.minimum((probabilities * 10).astype(int), 9)
    gaps = [abs(labels[bins == number].sum() - probabilities[bins == number].sum()) for number in range(10)]
    return float(sum(gaps) / len(labels))


def test_overconfident_logits_are_calibrated_on_faces_that_the_fit_has_not_seen() -> None:
    fitted = fit_calibrations(*drawn(3, 500, 0.3, -0.5), "drawn")
    logits, fake = drawn(4, 5000, 0.3, -0.5)
    errors, losses = [], []
    for calibration in (Calibration(), fitted.temperature, fitted.platt):
        probabilities = sigmoid(calibration.slope * logits + calibration.intercept)
        errors.append(calibration_error(fake, probabilities))
        losses.append(log_loss(fake, probabilities))
    assert losses[0] > losses[1] > losses[2]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.05


def test_classes_separated_by_a_threshold_get_platts_targets_and_finite_values() -> None:
    fitted = fit_calibrations([-3, -3, 5, 5, 5], [0, 0, 1, 1, 1], "apart")
    slope, intercept = fitted.platt
    assert sigmoid(slope * np.array([-3.0, 5]) + intercept).tolist() == pytest.approx([1 / 4, 4 / 5])
    assert 0 < fitted.temperature.slope < 1


@pytest.mark.parametrize("factor", [1.0, 1e3, 1e-6])
def test_slopes_stay_within_their_bounds_and_never_reverse_the_order(factor: float) -> None:
    logits = np.linspace(-8, 9, 200) * factor
    for fake in (logits < 0, logits > 0):
        fitted = fit_calibrations(logits, fake, "far")
        for calibration in (fitted.temperature, fitted.platt):
            assert FLATTEST <= calibration.slope <= STEEPEST
            assert math.isfinite(calibration.intercept)
            assert (np.diff(sigmoid(calibration.slope * logits + calibration.intercept)) >= 0).all()
    assert fit_calibrations(logits, logits < 0, "reversed").platt.slope == FLATTEST


@pytest.mark.parametrize(
    ("slope", "scale", "shift", "temperature", "platt"),
    [
        (-0.5, 1, 0, "100: the scores are inverted", "0.01: the scores are inverted"),
        (0.5, 1e-4, 0, "0.01: the logits are too close together", "100: the logits are too close together"),
        (0.5, 1e3, 0, "100: no logit near 0 separates fakes from reals", "0.01: the logits are far larger"),
        (0.5, 1, 100, "100: no logit near 0 separates fakes from reals", None),
        (0.5, 1, 0, None, None),
    ],
    ids=["inverted", "close", "large", "far from 0", "sound"],
)
def test_a_slope_at_its_bound_is_explained(slope: float, scale: float, shift: float, temperature: str | None, platt: str | None) -> None:
    logits, fake = drawn(7, 400, slope, -slope)
    logits = logits * scale + shift
    messages = bounds_reached(fit_calibrations(logits, fake, "drawn"), logits, fake)
    starts = [f"{name} is at its bound of {why}" for name, why in (("temperature", temperature), ("Platt's slope", platt)) if why]
    assert [sentence[: len(start)] for sentence, start in zip(messages, starts, strict=True)] == starts


def test_scores_without_information_are_reported() -> None:
    logits, fake = np.tile([-1.0, 0.5, 2.0, 3.0], 20), np.repeat([True, False], 40)
    messages = bounds_reached(fit_calibrations(logits, fake, "drawn"), logits, fake)
    why = "the scores carry no information about the label (the AUC of these faces is 0.500)."
    assert messages == [f"temperature is at its bound of 100: {why}", f"Platt's slope is at its bound of 0.01: {why}"]


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(50)))
def test_the_order_of_faces_does_not_change_the_fit(order: list[int]) -> None:
    logits, fake = drawn(5, 50, 0.5, 0)
    assert fit_calibrations(logits[order], fake[order], "drawn") == fit_calibrations(logits, fake, "drawn")


@pytest.mark.parametrize(
    ("logits", "labels", "words"),
    [
        ([1.0, 2.0], [0, 0], "2 real and 0 fake faces"),
        ([1.0, 2.0], [1, 1], "0 real and 2 fake faces"),
        ([], [], "0 real and 0 fake faces"),
        ([1.0, math.nan], [0, 1], "a logit is nan"),
        ([1.0, -math.inf], [0, 1], "a logit is -inf"),
        ([1.0, 1e5], [0, 1], "a logit is 100000"),
        ([2.0, 2.0], [0, 1], "all logits are 2"),
    ],
)
def test_input_that_cannot_be_fitted_is_one_sentence(logits: list[float], labels: list[int], words: str) -> None:
    with pytest.raises(LaanetError, match=f"^calibration: {words}"):
        fit_calibrations(logits, labels, "nothing")


# --- in the checkpoint


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network without calibrations."""
    path = tmp_path_factory.mktemp("checkpoint") / "model.safetensors"
    save_model(build_model(params_of().model, None, SIZE), path)
    return path


def test_a_checkpoint_keeps_its_calibrations(checkpoint: Path, tmp_path: Path) -> None:
    model = load_model(checkpoint)
    assert model.calibrations is None
    model.calibrations = FITTED
    save_model(model, tmp_path / "one.safetensors")
    loaded = load_model(tmp_path / "one.safetensors")
    assert loaded.calibrations == FITTED
    save_model(loaded, tmp_path / "two.safetensors")
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "two.safetensors").read_bytes()


def test_a_checkpoint_of_an_earlier_version_has_no_calibrations(checkpoint: Path, tmp_path: Path) -> None:
    with safe_open(checkpoint, framework="pt") as file:
        described = json.loads(file.metadata()["laanet"])
    assert described.pop("calibrations") is None
    del described["made"], described["digest"]
    save_file(load_model(checkpoint).state_dict(), tmp_path / "old.safetensors", metadata={"laanet": json.dumps(described)})
    assert load_model(tmp_path / "old.safetensors").calibrations is None


def test_the_requested_calibration_is_used(checkpoint: Path) -> None:
    model = load_model(checkpoint)
    assert pick_calibration(model.calibrations, "none", checkpoint) == (1, 0)
    with pytest.raises(LaanetError, match=r"'platt', but .*model\.safetensors has no calibration; fit one with 'laanet calibrate' or set"):
        pick_calibration(model.calibrations, "platt", checkpoint)
    model.calibrations = FITTED
    assert [pick_calibration(model.calibrations, method, checkpoint) for method in ("none", "temperature", "platt")] == [
        (1, 0),
        (0.5, 0),
        (0.25, -1.5),
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda stored: stored["platt"].update(slope=-1),
        lambda stored: stored["platt"].update(slope=0),
        lambda stored: stored["temperature"].update(slope=1e9),
        lambda stored: stored["temperature"].update(slope=math.nan),
        lambda stored: stored["platt"].update(intercept=math.inf),
        lambda stored: stored["platt"].update(intercept=1e12),
        lambda stored: stored["platt"].update(intercept=[0]),
        lambda stored: stored["platt"].update(more=0),
        lambda stored: stored.update(platt=None),
        lambda stored: stored.update(source="x" * 10_000),
        lambda stored: stored.update(source={}),
        lambda stored: stored.update(n_real=-1),
        lambda stored: stored.pop("n_fake"),
        lambda stored: stored.update(code="import os"),
    ],
)
def test_an_absurd_calibration_is_refused_in_one_sentence(change: Callable[[Any], None], checkpoint: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    model = load_model(checkpoint)
    model.calibrations = FITTED
    save_model(model, path)
    with safe_open(path, framework="pt") as file:
        described = json.loads(file.metadata()["laanet"])
    change(described["calibrations"])
    save_file(model.state_dict(), path, metadata={"laanet": json.dumps(described)})
    with pytest.raises(LaanetError, match=r"model\.safetensors: no checkpoint of this project \([^\n]*calibrations[^\n]+\);"):
        load_model(path)


# --- in training


def validation_of(model: LAANet, dataset: Path, params: Params) -> tuple[Floats, Floats]:
    """Logits and labels of the val split."""
    clips = clips_of(dataset, "val")
    samples = make_loader(crops_of(clips, params), validation_batches(clips, params), 0)
    logits, labels = [], []
    with torch.no_grad():
        for batch in PairBatches(samples, params, torch.device("cpu"), augmented=False):
            logits.append(model(model.normalise(batch.images)).logit.double().numpy())
            labels.append(batch.targets.label.numpy())
    return np.concatenate(logits), np.concatenate(labels)


@pytest.mark.parametrize("name", ["model", "last"])
def test_training_calibrates_its_checkpoint_on_its_validation_split(name: str, dataset: Path, finished: Path) -> None:
    model = load_model(finished / f"out/{name}.safetensors")
    found = model.calibrations
    assert found is not None
    expected = fit_calibrations(*validation_of(model, dataset, params_of()), "pseudo-fakes of the val split of demo")
    assert found[2:] == expected[2:]
    assert found.platt == pytest.approx(expected.platt, rel=1e-3)
    assert found.temperature == pytest.approx(expected.temperature, rel=1e-3)


def test_training_whose_calibration_is_at_its_bound_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    logits = torch.linspace(-3, 3, 40, dtype=torch.float64)
    calibrations_of(Validation(0.7, 0.0, logits, (logits < 0).double()), params_of())
    messages = capsys.readouterr().err
    assert (
        "train: calibration on pseudo-fakes of the val split of demo: temperature is at its bound of 100: the scores are inverted"
        in messages
    )


def test_training_on_the_fakes_of_a_data_set_says_so(dataset: Path, tmp_path: Path) -> None:
    run_training(params_of(epochs=1, model={"heads": []}, fakes="dataset"), dataset, tmp_path)
    found = load_model(tmp_path / "out/model.safetensors").calibrations
    assert found is not None
    assert found.source == "fakes of the val split of demo"


def test_training_with_uninformative_validation_has_no_calibration(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Black val crops blended with themselves stay black, and every image has the same logit."""
    blank = tmp_path / "blank"
    blank.mkdir()
    for path in dataset.iterdir():
        if path.name != "crops":
            (blank / path.name).symlink_to(path)
    (blank / "crops").mkdir()
    for path in (dataset / "crops").iterdir():
        (blank / "crops" / path.name).symlink_to(path)
    black = cv2.imencode(".png", np.zeros((SIZE, SIZE, 3), np.uint8))[1].tobytes()
    for name in ("v", "w"):
        (blank / "crops" / f"{name}.tar").unlink()
        write_shard(blank / "crops" / f"{name}.tar", [(f"{name}/{frame * 5:06d}.png", black) for frame in range(FRAMES)])
    (blank / "crops/videos.csv").unlink()
    write_videos_csv(blank / "crops")
    values = params_of(epochs=1).model_dump()
    values["synthesis"]["sbi"] |= {"rgb_shift": 0, "hue": 0, "saturation": 0, "brightness": 0, "contrast": 0}
    run_training(Params.model_validate(values), blank, tmp_path)
    for name in ("model", "last"):
        assert load_model(tmp_path / f"out/{name}.safetensors").calibrations is None
    assert "epoch 1 is not calibrated (calibration: all logits are" in capsys.readouterr().err
