"""Section `evaluate`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from laanet_core.params.section import Section, Split


class EvaluateParams(Section):
    """How videos are scored and measured.

    checkpoint: the network that scores, by default the trained one; split: which videos are scored; batch_size: crops a GPU pass;
    average: what is averaged over a video's frames, probabilities of fake or logits; flip: score each crop mirrored as well, and average;
    calibration: which of the checkpoint's calibrations turns a logit into a probability; threshold: probability from which a video is
    called fake, for the measures that need one; bootstrap: resamples of the 95 % intervals; gallery: crops shown in the report for each
    data set.
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
