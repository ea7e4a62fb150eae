"""Section `quality`."""

from __future__ import annotations

import itertools

from pydantic import Field, model_validator

from laanet_core.params.section import Section


class QualityParams(Section):
    """Mask-SSIM. bins: ascending edges of the bins, the last bin includes both edges; quantiles: use this many bins with equal numbers of
    fakes instead of `bins`; forehead: height of the head mask above the eyebrows, relative to the distance from brows to chin."""

    bins: list[float] = Field(min_length=2)
    quantiles: int | None = Field(default=None, ge=2, le=20)
    forehead: float = Field(ge=0, le=1)

    @model_validator(mode="after")
    def _ascending(self) -> QualityParams:
        if any(low >= high for low, high in itertools.pairwise(self.bins)):
            raise ValueError(f"bins must ascend, found {self.bins}")
        return self
