"""Section `robustness`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from laanet_core.params.section import Section


class RobustnessParams(Section):
    """Scores under corruption (Table 2).

    dataset: key under `datasets` whose scored videos are corrupted; corruptions: names of registered corruptions
    (`laanet_core.evaluation.robustness.corruptions`), an empty list to skip the stage; severities: which of the five severities of each
    corruption; frames: maximum number of evenly spaced frames per video.
    """

    dataset: str
    corruptions: list[str]
    severities: list[Annotated[int, Field(ge=1, le=5)]] = Field(min_length=1)
    frames: int = Field(ge=1)

    @model_validator(mode="after")
    def _no_duplicates(self) -> RobustnessParams:
        for name, values in (("corruptions", self.corruptions), ("severities", self.severities)):
            if len(set(values)) < len(values):
                raise ValueError(f"{name} lists a value more than once: {values}")
        return self
