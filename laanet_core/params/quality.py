"""Section `quality`."""

from __future__ import annotations

import itertools

from pydantic import Field, model_validator

from laanet_core.params.section import Section


class QualityParams(Section):
    """bins: ascending edges of the Mask-SSIM bins, the last bin closed on both sides; quantiles: instead of these edges, so many bins
    with the same number of fakes each;
    forehead: how far the head mask reaches above the eyebrows, in distances from the brows to the chin."""

    bins: list[float] = Field(min_length=2)
    quantiles: int | None = Field(default=None, ge=2, le=20)
    forehead: float = Field(ge=0, le=1)

    @model_validator(mode="after")
    def _ascending(self) -> QualityParams:
        if any(low >= high for low, high in itertools.pairwise(self.bins)):
            raise ValueError(f"bins must ascend, found {self.bins}")
        return self
