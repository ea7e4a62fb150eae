"""What all sections of params.yaml share: their base class, and the types of their values."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Probability = Annotated[float, Field(ge=0, le=1)]
Split = Literal["train", "val", "test"]
_Number = TypeVar("_Number", int, float)


def _ascending(bounds: list[_Number]) -> list[_Number]:
    """A range (low, high) as it is; refuses one that is upside down."""
    if bounds[0] > bounds[1]:
        raise ValueError(f"a range is given as [low, high], found {bounds}")
    return bounds


_ARange = (Field(min_length=2, max_length=2), AfterValidator(_ascending))
Scales = Annotated[list[Annotated[float, Field(ge=0.2, le=5)]], *_ARange]
Fractions = Annotated[list[Annotated[float, Field(gt=0, le=1)]], *_ARange]
Deviations = Annotated[list[Annotated[float, Field(gt=0, le=100)]], *_ARange]
Blurs = Annotated[list[Annotated[float, Field(gt=0, le=10)]], *_ARange]
Kernels = Annotated[list[Annotated[int, Field(ge=1, le=99)]], *_ARange]
Qualities = Annotated[list[Annotated[int, Field(ge=1, le=100)]], *_ARange]


class Section(BaseModel):
    """Base of every section: an unknown key is an error, values are never changed after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
