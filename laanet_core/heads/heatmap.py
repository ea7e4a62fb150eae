"""The heat-map head: where vulnerable points are (Eq. 4 to 6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from laanet_core.heads.layers import dense_head
from laanet_core.heads.spec import HeadSpec, LossContext, TargetSource, at_least_one
from laanet_core.params import Recipe
from laanet_core.synthesis.targets.recipes import pick_recipe

INITIAL_BIAS = -2.19
# Constants of the official heat-map loss (docs/paper_and_official.md, section 3): range of p, weight of positives, exponent of 1 - h.
SMALLEST_PROBABILITY = 1e-4
POSITIVE_WEIGHT = 0.72
NEGATIVE_EXPONENT = 4


def heatmap_head(channels: int) -> nn.Sequential:
    """(B, channels, h, w) -> heat-map logits (B, 1, h, w); starts at sigmoid(-2.19) = 0.1 everywhere."""
    head = dense_head(channels, 1)
    torch.nn.init.constant_(head[-1].bias, INITIAL_BIAS)  # type: ignore[arg-type]
    return head


def heatmap_targets(source: TargetSource) -> dict[str, Tensor]:
    """heatmap: float32 (2n, 1, h, w) in [0, 1], 0 for real images (Eq. 4)."""
    return {"heatmap": source.encoded.heatmap}


def heatmap_loss(logits: Tensor, targets: Mapping[str, Tensor], context: LossContext) -> Tensor:
    """L_H of logits (B, 1, h, w) in the form of the training's recipe; raises LaanetError for an unknown recipe."""
    return pick_recipe(_FORMS, context.train.recipe)(logits, targets["heatmap"], context)


def focal_loss(logits: Tensor, heatmap: Tensor, gamma: float) -> Tensor:
    """The paper's L_H, Eq. 5 and 6: -(1 - p)^gamma log p summed over the pixels of an image, averaged over the images.

    logits, heatmap: (B, 1, h, w). A pixel that is exactly 1 is a positive, with p = sigmoid(logit); every other pixel is a negative, with
    p = 1 - sigmoid(logit). The loss is not divided by the number of positives.
    """
    towards_truth = torch.where(heatmap == 1, logits, -logits)
    focus = torch.exp(gamma * F.logsigmoid(-towards_truth))
    return -(focus * F.logsigmoid(towards_truth)).sum(dim=(1, 2, 3)).mean()


def cornernet_focal_loss(logits: Tensor, heatmap: Tensor, gamma: float, divisor: Callable[[Tensor], Tensor] = at_least_one) -> Tensor:
    """The official L_H (CornerNet, Eq. 1): summed over the pixels of the batch, divided by the number of positives.

    logits, heatmap: (B, 1, h, w). A pixel that is exactly 1 adds -0.72 (1 - p)^gamma log p, every other -(1 - h)^4 p^gamma log(1 - p),
    with p = sigmoid(logit) clamped to [1e-4, 1 - 1e-4]: a pixel outside that range has no gradient, as in the official code.
    divisor: see `LossContext`.
    """
    p = torch.sigmoid(logits).clamp(SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    positive = POSITIVE_WEIGHT * (1 - p) ** gamma * p.log()
    negative = (1 - heatmap) ** NEGATIVE_EXPONENT * p**gamma * (1 - p).log()
    return -torch.where(heatmap == 1, positive, negative).sum() / divisor((heatmap == 1).sum())


def _paper_loss(logits: Tensor, heatmap: Tensor, context: LossContext) -> Tensor:
    return focal_loss(logits, heatmap, context.train.gamma)


def _official_loss(logits: Tensor, heatmap: Tensor, context: LossContext) -> Tensor:
    return cornernet_focal_loss(logits, heatmap, context.train.gamma, context.divisor)


_FORMS: Mapping[Recipe, Callable[[Tensor, Tensor, LossContext], Tensor]] = {"paper": _paper_loss, "official": _official_loss}

HEATMAP = HeadSpec(
    name="heatmap", module="heatmap", label="heat map", weight="lambda1",
    build=heatmap_head, targets=heatmap_targets, loss=heatmap_loss, before_classifier=True,
)  # fmt: skip
