"""Base class and value types shared by all sections of params.yaml."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Probability = Annotated[float, Field(ge=0, le=1)]
Split = Literal["train", "val", "test"]
_Number = TypeVar("_Number", int, float)


def _ascending(bounds: list[_Number]) -> list[_Number]:
    """Return a range [low, high] unchanged; raises ValueError if low > high."""
    if bounds[0] > bounds[1]:
        raise ValueError(f"a range is given as [low, high], found {bounds}")
    return bounds


_RANGE = (Field(min_length=2, max_length=2), AfterValidator(_ascending))
Scales = Annotated[list[Annotated[float, Field(ge=0.2, le=5)]], *_RANGE]
Fractions = Annotated[list[Annotated[float, Field(gt=0, le=1)]], *_RANGE]
Deviations = Annotated[list[Annotated[float, Field(gt=0, le=100)]], *_RANGE]
Blurs = Annotated[list[Annotated[float, Field(gt=0, le=10)]], *_RANGE]
Kernels = Annotated[list[Annotated[int, Field(ge=1, le=99)]], *_RANGE]
Qualities = Annotated[list[Annotated[int, Field(ge=1, le=100)]], *_RANGE]


class Section(BaseModel):
    """Base class of every section: unknown keys are an error, and values are immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
