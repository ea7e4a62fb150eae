"""Section `evaluate`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from laanet_core.params.section import Section, Split


class EvaluateParams(Section):
    """Scoring of videos and computation of measures.

    checkpoint: checkpoint of the network, the trained one by default; split: split to score; batch_size: crops per forward pass;
    average: whether probabilities or logits are averaged over the frames of a video; flip: also score each crop mirrored and average both;
    calibration: calibration stored in the checkpoint that converts logits to probabilities; threshold: probability from which a video
    counts as fake, for measures that need one; bootstrap: number of bootstrap resamples for the 95 % confidence intervals;
    gallery: number of crops per data set shown in the report.
    """

    checkpoint: str
    split: Split | Literal["all"]
    batch_size: int = Field(ge=1)
    average: Literal["probability", "logit"]
    flip: bool
    calibration: Literal["none", "temperature", "platt"]
    threshold: float = Field(gt=0, lt=1)
    bootstrap: int = Field(ge=0)
    gallery: int = Field(ge=0)
