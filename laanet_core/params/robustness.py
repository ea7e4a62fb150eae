"""Section `robustness`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from laanet_core.params.section import Section

Corruption = Literal["saturation", "contrast", "block", "noise", "blur", "pixelation"]


class RobustnessParams(Section):
    """Scores under corruption (Table 2). dataset: key under `datasets` whose scored videos are corrupted; corruptions: kinds, none to skip;
    severities: of the five levels of each; frames: at most so many evenly spaced frames of a video."""

    dataset: str
    corruptions: list[Corruption]
    severities: list[Annotated[int, Field(ge=1, le=5)]] = Field(min_length=1)
    frames: int = Field(ge=1)

    @model_validator(mode="after")
    def _each_once(self) -> RobustnessParams:
        for name, values in (("corruptions", self.corruptions), ("severities", self.severities)):
            if len(set(values)) < len(values):
                raise ValueError(f"{name} must name each once, found {values}")
        return self
