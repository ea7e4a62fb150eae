"""Section `crops`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from laanet_core.params.section import Probability, Section

DetectorName = Literal["retinaface_mobilenet", "retinaface_resnet50"]


class CropsParams(Section):
    """Face detection and cropping.

    enlarge: side of the crop relative to the longer side of the face box; size: side of a crop in pixels, a multiple of 32;
    faces: keep the largest face of a frame or all of them; min_score: minimum detector confidence of a face;
    max_side: frames are shrunk to this longer side in pixels before detection.
    """

    detector: DetectorName
    enlarge: float = Field(ge=1, le=4)
    size: int = Field(ge=64, le=1024, multiple_of=32)
    faces: Literal["largest", "all"]
    min_score: Probability
    max_side: int = Field(ge=128, le=4096)
