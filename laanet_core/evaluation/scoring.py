"""Scores: from the logits of faces to probabilities of faces and videos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from laanet_core.evaluation.predict import FrameLogit
from laanet_core.model.calibration import Calibration, Calibrations
from laanet_core.params import EvaluateParams

DECIMALS = 9
"""Decimals of a score."""


class Scoring(NamedTuple):
    """How logits become scores. average: what is averaged over the views of a face and over the frames of a video."""

    average: Literal["probability", "logit"]
    calibration: Calibration


class FrameScore(NamedTuple):
    """One face in one frame. face: 0 is the largest; logit: the network's, averaged over both views; score: probability of fake."""

    frame: int
    face: int
    logit: float
    score: float


def probability(logits: ArrayLike, calibration: Calibration) -> NDArray[np.float64]:
    """Calibrated probability of fake for each logit."""
    exponent = calibration.slope * np.asarray(logits, np.float64) + calibration.intercept
    return np.asarray(expit(exponent))


def frame_scores(logits: Sequence[FrameLogit], scoring: Scoring) -> list[FrameScore]:
    """Score of each face, in the given order."""
    return [
        FrameScore(item.frame, item.face, round(float(np.mean(item.views)), DECIMALS), _score(_face_value(item, scoring), scoring))
        for item in logits
    ]


def video_score(logits: Sequence[FrameLogit], scoring: Scoring) -> float:
    """Probability of fake of a video with at least one face; if a frame has several faces, the highest one counts."""
    frames: dict[int, float] = {}
    for item in logits:
        frames[item.frame] = max(_face_value(item, scoring), frames.get(item.frame, -np.inf))
    return _score(float(np.mean(list(frames.values()))), scoring)


def _face_value(item: FrameLogit, scoring: Scoring) -> float:
    """Mean over the views of one face, of the probability or of the logit, whichever is averaged."""
    return float(np.mean(probability(item.views, scoring.calibration) if scoring.average == "probability" else item.views))


def _score(mean: float, scoring: Scoring) -> float:
    """Rounded probability of fake, from a mean of probabilities or of logits."""
    return round(mean if scoring.average == "probability" else float(probability(mean, scoring.calibration)), DECIMALS)


def describe(scoring: Scoring, params: EvaluateParams, stored: Calibrations | None, checkpoint: Path, weights: str) -> dict[str, Any]:
    """Content of scoring.json: how the scores were made.

    stored: calibrations in the checkpoint, None if it has none; weights: SHA-256 of the checkpoint.
    """
    return {
        "checkpoint": str(checkpoint), "checkpoint_sha256": weights, "split": params.split,
        "average": scoring.average, "flip": params.flip, "threshold": params.threshold,
        "calibration": {
            "method": params.calibration, **scoring.calibration._asdict(),
            "fitted_on": stored.source if stored and params.calibration != "none" else None,
        },
    }  # fmt: skip
