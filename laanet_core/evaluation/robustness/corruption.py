"""What a corruption is: a function that damages a face crop, at five severities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from laanet_core.types import Image

SEVERITIES = range(1, 6)
NO_CORRUPTION = "none"
"""Name of the condition in which crops are scored unchanged; no corruption can have it."""
Amount = TypeVar("Amount", int, float)


@dataclass(frozen=True)
class Corruption(Generic[Amount]):
    """A corruption that can be scored.

    name: its name in params.yaml and in the tables, a Python identifier; amounts: the argument of `function` at each severity from 1 to 5;
    function: (RGB image (H, W, 3) uint8, amount, generator) -> a corrupted copy of the same shape and type. All of its random numbers must
    come from the generator.

    The cached scores of a corruption are keyed by the code that `function` reaches and by the versions of NumPy and OpenCV.
    Raises ValueError if the name is not an identifier or is `none`, if there are not five amounts, or if the function is not defined with
    `def` at the top level of a module, since a change of its code could not be detected.
    """

    name: str
    amounts: tuple[Amount, ...]
    function: Callable[[Image, Amount, np.random.Generator], Image]

    def __post_init__(self) -> None:
        if not self.name.isidentifier() or self.name == NO_CORRUPTION:
            raise ValueError(f"a corruption cannot be named {self.name!r}; choose a Python identifier other than {NO_CORRUPTION!r}")
        if len(self.amounts) != len(SEVERITIES):
            raise ValueError(f"{self.name}: {len(self.amounts)} amounts; give one for each severity from 1 to {len(SEVERITIES)}")
        if not getattr(self.function, "__qualname__", "<unknown>").isidentifier():
            raise ValueError(
                f"{self.name}: {self.function!r} is not defined at the top level of a module; move it there, and define it with 'def'"
            )

    def apply(self, image: Image, severity: int, generator: np.random.Generator) -> Image:
        """Return a corrupted copy of an RGB image (H, W, 3); raises ValueError if the severity is not 1 to 5."""
        if severity not in SEVERITIES:
            raise ValueError(f"{self.name} at severity {severity}: severities are 1 to {len(SEVERITIES)}")
        return self.function(image, self.amounts[severity - 1], generator)


def to_uint8(values: NDArray[np.floating[Any]]) -> Image:
    """Round values to the nearest integers and clip them to 0 to 255."""
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)
