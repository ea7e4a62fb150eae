"""The training loss: classification loss plus the weighted losses of the auxiliary heads (Eq. 8)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from laanet_core.heads.registry import find_heads, logged_heads
from laanet_core.heads.spec import LossContext
from laanet_core.model import Output
from laanet_core.params import Recipe
from laanet_core.synthesis.targets.recipes import pick_recipe
from laanet_core.training.batch import BatchTargets

TOTAL, CLASSIFICATION = "loss", "loss_class"
"""Columns in the log of the total loss and of the classification loss."""


class Losses(NamedTuple):
    """Scalars: the total of Eq. 8, and its terms before weighting; heads: name -> loss of each auxiliary head of the network."""

    total: Tensor
    classification: Tensor
    heads: dict[str, Tensor]

    def stack(self) -> Tensor:
        """The scalars as one tensor (2 + number of heads,): total, classification, heads."""
        return torch.stack([self.total, self.classification, *self.heads.values()])

    def unstack(self, values: Tensor) -> Losses:
        """Losses of the same heads with the values of a tensor as `stack` returns it."""
        total, classification, *heads = values.unbind()
        return Losses(total, classification, dict(zip(self.heads, heads, strict=True)))

    def by_column(self) -> dict[str, float]:
        """Log column -> value."""
        columns = [TOTAL, CLASSIFICATION, *(spec.log_column for spec in find_heads(self.heads))]
        return dict(zip(columns, self.stack().tolist(), strict=True))


def loss_columns(heads: Iterable[str]) -> list[str]:
    """The loss columns in the log of a network with these heads. Built-in heads that the network lacks have a column of zeros."""
    return [TOTAL, CLASSIFICATION, *(spec.log_column for spec in logged_heads(heads))]


def total_loss(output: Output, targets: BatchTargets, weights: Mapping[str, float], context: LossContext) -> Losses:
    """Eq. 8: L = L_BCE + sum over heads of weight * L_head, in float32 even under autocast, or in float64 for float64 outputs.

    weights: head -> weight. The recipe of the context selects the paper's or the official form of the losses.
    Raises LaanetError for an unknown recipe.
    """
    labels = pick_recipe(LABELS, context.train.recipe)(targets.label, context.train.label_smoothing)
    with torch.autocast(output.logit.device.type, enabled=False):
        classification = class_loss(_at_least_float32(output.logit), labels)
        heads = {
            spec.name: spec.loss(_at_least_float32(output.heads[spec.name]), targets.of_heads, context) for spec in find_heads(output.heads)
        }
        total = classification
        for name, loss in heads.items():
            total = total + weights[name] * loss
        return Losses(total, classification, heads)


def _at_least_float32(values: Tensor) -> Tensor:
    return values.to(torch.promote_types(values.dtype, torch.float32))


def class_loss(logit: Tensor, label: Tensor) -> Tensor:
    """L_BCE: mean binary cross-entropy of logits (B,) against labels (B,), smoothed or hard."""
    return F.binary_cross_entropy_with_logits(logit, label.to(logit.dtype))


def smoothed_labels(label: Tensor, smoothing: float) -> Tensor:
    """The paper's labels (B,) for L_BCE, with label smoothing (1 -> 1 - smoothing / 2)."""
    return label * (1 - smoothing) + smoothing / 2


def hard_labels(label: Tensor, smoothing: float) -> Tensor:
    """The official labels (B,) for L_BCE: unchanged."""
    return label


LABELS: Mapping[Recipe, Callable[[Tensor, float], Tensor]] = {"paper": smoothed_labels, "official": hard_labels}
