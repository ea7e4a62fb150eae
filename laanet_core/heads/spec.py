"""The description of an auxiliary head."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, NamedTuple

from torch import Tensor, nn

from laanet_core.errors import LaanetError
from laanet_core.params import Params, TrainParams
from laanet_core.synthesis.targets.encode import Targets


class TargetSource(NamedTuple):
    """Data from which a head's targets are computed, for a batch of n real images followed by their n fakes.

    images: uint8 (2n, 3, H, W); label: float32 (2n,), 1 fake, 0 real; mask: float32 (n, 1, H, W) in [0, 1], blending masks of the fakes;
    encoded: vulnerable points, heat maps and consistency maps of all 2n images, at the heads' resolution (H/4, W/4).
    """

    images: Tensor
    label: Tensor
    mask: Tensor
    encoded: Targets


def at_least_one(count: Tensor) -> Tensor:
    """A count, or 1 if it is 0: the divisor of a loss when one process has the complete batch."""
    return count.clamp(min=1)


class LossContext(NamedTuple):
    """Settings of a loss that are neither outputs nor targets.

    train: parameters of the training (recipe, exponent of the focal loss, label smoothing); divisor: maps a count over this process's
    images to the number by which a sum over them is divided, so that the mean over all processes is the loss of the complete batch.
    """

    train: TrainParams
    divisor: Callable[[Tensor], Tensor] = at_least_one


@dataclass(frozen=True)
class HeadSpec:
    """One auxiliary head: everything that network, training, log, state, report and export know about it.

    name: as in `model.heads`; module: name of its layers in the network, which its tensors in a checkpoint start with and its ONNX output
    has; label: words for it in the progress line and in figures; weight: dotted key in params.yaml of its weight in the loss (Eq. 8), such
    as `lambda1` or `train.head_weights.<name>`.
    build: channels C of the pyramid's map -> layers that map (B, C, H/4, W/4) to the head's output.
    targets: names and tensors, each with one entry per image, that the loss compares with. All heads share the names, so a head's own
    targets are best named after it.
    loss: output (float32 or float64), targets by name, context -> scalar.
    before_classifier: created before the classifier. The order of creation fixes the random initialisation and the order of tensors.
    The functions must be importable (no lambdas), so that networks can be sent to worker processes.
    """

    name: str
    module: str
    label: str
    weight: str
    build: Callable[[int], nn.Module]
    targets: Callable[[TargetSource], Mapping[str, Tensor]]
    loss: Callable[[Tensor, Mapping[str, Tensor], LossContext], Tensor]
    before_classifier: bool = False

    @property
    def log_column(self) -> str:
        """Column of its loss in log.csv, and name of its training curve."""
        return f"loss_{self.name}"

    def weight_in(self, params: Params) -> float:
        """Its weight in the loss; raises LaanetError if the parameters lack it."""
        try:
            return float(reduce(_child, self.weight.split("."), params))  # type: ignore[arg-type]
        except (KeyError, AttributeError):
            raise LaanetError(f"{self.weight}: missing; set the loss weight of the head {self.name!r}, for example to 1.") from None


def _child(section: Any, key: str) -> Any:
    return section[key] if isinstance(section, Mapping) else getattr(section, key)
