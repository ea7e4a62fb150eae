"""From logits to scores of faces and videos: calibration, views, faces and frames."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from laanet_core.evaluation.predict import FrameLogit
from laanet_core.evaluation.scoring import Scoring, describe, frame_scores, probability, video_score
from laanet_core.model.calibration import Calibration, Calibrations
from laanet_core.params import EvaluateParams, load_params
from laanet_core.store.digests import file_digest
from tests.helpers.paths import ROOT

PLAIN = Calibration()
SHARP = Calibration(2.0, -0.5)
FACES = [FrameLogit(0, 0, -1.0, -2.0), FrameLogit(0, 1, 1.0, 2.0), FrameLogit(5, 0, 0.5, 0.25)]


def sigmoid(value: float) -> float:
    return float(1 / (1 + np.exp(-value)))


def test_a_probability_is_the_sigmoid_of_the_calibrated_logit() -> None:
    assert probability([0.0, 1.5], SHARP).tolist() == pytest.approx([sigmoid(-0.5), sigmoid(2.5)])


def test_extreme_logits_give_0_and_1() -> None:
    assert probability([-1e6, 1e6], PLAIN).tolist() == [0.0, 1.0]


def test_averaging_probabilities_averages_views_takes_the_highest_face_and_averages_frames() -> None:
    first = (sigmoid(1.5) + sigmoid(3.5)) / 2
    second = (sigmoid(0.5) + sigmoid(0.0)) / 2
    assert video_score(FACES, Scoring("probability", SHARP)) == pytest.approx((first + second) / 2, abs=1e-9)


def test_averaging_logits_calibrates_their_mean() -> None:
    assert video_score(FACES, Scoring("logit", SHARP)) == pytest.approx(sigmoid(2 * (1.5 + 0.375) / 2 - 0.5), abs=1e-9)


def test_the_two_averages_differ_if_one_frame_has_an_extreme_logit() -> None:
    faces = [FrameLogit(0, 0, 8.0), FrameLogit(1, 0, -1.0), FrameLogit(2, 0, -1.0)]
    assert video_score(faces, Scoring("probability", PLAIN)) < 0.55
    assert video_score(faces, Scoring("logit", PLAIN)) > 0.85


@pytest.mark.parametrize("average", ["probability", "logit"])
def test_each_face_has_its_own_logit_and_score(average: str) -> None:
    scoring = Scoring("probability" if average == "probability" else "logit", SHARP)
    scores = frame_scores(FACES, scoring)
    assert [(item.frame, item.face) for item in scores] == [(0, 0), (0, 1), (5, 0)]
    assert [item.logit for item in scores] == [-1.5, 1.5, 0.375]
    for item, face in zip(scores, FACES, strict=True):
        assert item.score == video_score([face], scoring)


@given(st.lists(st.floats(-20, 20), min_size=1, max_size=6))
def test_the_order_of_frames_does_not_matter(logits: list[float]) -> None:
    faces = [FrameLogit(frame, 0, logit) for frame, logit in enumerate(logits)]
    scoring = Scoring("probability", PLAIN)
    assert video_score(faces, scoring) == pytest.approx(video_score(faces[::-1], scoring), abs=1e-9)


def test_the_description_states_how_the_scores_were_made(tmp_path: Path) -> None:
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(b"weights")
    stored = Calibrations(Calibration(0.5), SHARP, "pseudo-fakes of the val split of demo", 10, 10)
    params = load_params(ROOT / "presets/demo.yaml").evaluate
    described = describe(Scoring("logit", SHARP), changed(params, calibration="platt", flip=True), stored, weights, file_digest(weights))
    assert (described["average"], described["flip"], described["threshold"], described["split"]) == ("logit", True, 0.5, "test")
    assert described["calibration"] == {"method": "platt", "slope": 2.0, "intercept": -0.5, "fitted_on": stored.source}
    assert described["checkpoint_sha256"] == hashlib.sha256(b"weights").hexdigest()
    plain = describe(Scoring("logit", PLAIN), changed(params, calibration="none"), stored, weights, file_digest(weights))
    assert plain["calibration"]["fitted_on"] is None


def changed(params: EvaluateParams, **values: object) -> EvaluateParams:
    return params.model_copy(update=values)
