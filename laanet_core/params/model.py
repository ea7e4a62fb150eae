"""Section `model`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from laanet_core.params.section import Probability, Section

HeadName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class ModelParams(Section):
    """The network. backbone: a timm name; pretrained: start from the ImageNet weights in data/assets;
    pyramid: `efpn` (Eq. 9), `fpn` (traditional), or `none` (the top features alone: Table 3 without E-FPN, baselines of Table 1);
    levels: feature levels that the pyramid uses, from the top (Table 4); heads: auxiliary heads in addition to the classifier (Table 3), by
    their names in the registry (`laanet_core.heads`, which is checked when a network is built);
    gamma_w: exponent of E-FPN's mask (Eq. 9); dropout: on each tap in training; drop_path: stochastic depth of the backbone;
    padded_for: image size that the backbone's SAME padding is fixed for, as in the published network (380); none: each image's own."""

    backbone: str
    pretrained: bool
    pyramid: Literal["efpn", "fpn", "none"]
    levels: list[Annotated[int, Field(ge=2, le=6)]] = Field(min_length=1)
    heads: list[HeadName]
    gamma_w: float = Field(gt=0)
    dropout: Probability
    drop_path: Probability
    padded_for: int | None = Field(default=None, ge=32)

    @model_validator(mode="after")
    def _run_of_levels(self) -> ModelParams:
        if self.levels != list(range(6, 6 - len(self.levels), -1)):
            raise ValueError(f"levels must be a run from 6 downwards such as [6, 5, 4, 3], found {self.levels}")
        return self

    @model_validator(mode="after")
    def _each_head_once(self) -> ModelParams:
        if len(set(self.heads)) < len(self.heads):
            raise ValueError(f"heads must name each head once, found {self.heads}")
        return self
