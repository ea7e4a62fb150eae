"""From logits of faces to probabilities of frames and videos."""

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


class Scoring(NamedTuple):
    """How logits become scores: what is averaged, over the two views of a face and over the frames of a video, and the calibration."""

    average: Literal["probability", "logit"]
    calibration: Calibration


class FrameScore(NamedTuple):
    """One face of one frame; face 0 is the largest. logit: the network's own, of both views their mean; score: probability of fake."""

    frame: int
    face: int
    logit: float
    score: float


def probability(logits: ArrayLike, calibration: Calibration) -> NDArray[np.float64]:
    """Calibrated probability of fake of each logit."""
    exponent = calibration.slope * np.asarray(logits, np.float64) + calibration.intercept
    return np.asarray(expit(exponent))


def frame_scores(logits: Sequence[FrameLogit], scoring: Scoring) -> list[FrameScore]:
    """Score of each face, in the given order."""
    scores = [_finished([_view_mean(item, scoring)], scoring) for item in logits]
    return [
        FrameScore(item.frame, item.face, round(float(np.mean(item.views)), DECIMALS), score)
        for item, score in zip(logits, scores, strict=True)
    ]


def video_score(logits: Sequence[FrameLogit], scoring: Scoring) -> float:
    """Probability of fake of a video, from at least one face; of several faces in a frame the most suspicious one counts."""
    frames: dict[int, float] = {}
    for item in logits:
        frames[item.frame] = max(_view_mean(item, scoring), frames.get(item.frame, -np.inf))
    return _finished(list(frames.values()), scoring)


def _view_mean(item: FrameLogit, scoring: Scoring) -> float:
    """What is averaged, of one face: the mean over its views."""
    return float(np.mean(probability(item.views, scoring.calibration) if scoring.average == "probability" else item.views))


def _finished(values: Sequence[float], scoring: Scoring) -> float:
    """Probability of the mean of what is averaged."""
    mean = np.mean(values)
    return round(float(mean if scoring.average == "probability" else probability(mean, scoring.calibration)), DECIMALS)


def describe(scoring: Scoring, params: EvaluateParams, stored: Calibrations | None, checkpoint: Path, weights: str) -> dict[str, Any]:
    """How scores were made, for scoring.json: what a reader of the numbers must know; weights: SHA-256 of the checkpoint."""
    return {
        "checkpoint": str(checkpoint), "checkpoint_sha256": weights, "split": params.split,
        "average": scoring.average, "flip": params.flip, "threshold": params.threshold,
        "calibration": {
            "method": params.calibration, **scoring.calibration._asdict(),
            "fitted_on": stored.source if stored and params.calibration != "none" else None,
        },
    }  # fmt: skip
