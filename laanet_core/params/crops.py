"""Section `crops`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from laanet_core.params.section import Probability, Section

DetectorName = Literal["retinaface_mobilenet", "retinaface_resnet50"]


class CropsParams(Section):
    """enlarge: side of the crop over the longer side of the face box; size: pixels of a crop's side, a multiple of 32;
    faces: the largest face of a frame or all; min_score: detector confidence below which there is no face;
    max_side: longer side in pixels at which faces are searched."""

    detector: DetectorName
    enlarge: float = Field(ge=1, le=4)
    size: int = Field(ge=64, le=1024, multiple_of=32)
    faces: Literal["largest", "all"]
    min_score: Probability
    max_side: int = Field(ge=128, le=4096)
