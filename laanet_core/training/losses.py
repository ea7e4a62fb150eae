"""The losses of the paper's Eq. 5 to 8 and of the official code, as pure functions of logits and targets."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from laanet_core.model import Output
from laanet_core.model.heads import EMBEDDING
from laanet_core.params import Recipe
from laanet_core.synthesis.targets.recipes import pick_recipe
from laanet_core.training.batch import BatchTargets

_EMBEDDING_SCALE = math.sqrt(EMBEDDING)
# Of the official heat-map loss (reference_facts, sec. 3): the range of p, what positives weigh, and the exponent of 1 - h.
SMALLEST_PROBABILITY = 1e-4
POSITIVE_WEIGHT = 0.72
NEGATIVE_EXPONENT = 4


class Losses(NamedTuple):
    """Scalars: the total of Eq. 8 and its three terms before they are weighted."""

    total: Tensor
    classification: Tensor
    heatmap: Tensor
    consistency: Tensor


def total_loss(
    output: Output,
    targets: BatchTargets,
    *,
    lambda1: float,
    lambda2: float,
    gamma: float,
    smoothing: float,
    recipe: Recipe = "paper",
    positives: Tensor | None = None,
) -> Losses:
    """Eq. 8: L = L_BCE + lambda1 L_H + lambda2 L_C, in float32 whatever the autocast, or in float64 for such outputs.

    The term of a head that the network has not is 0. recipe: the paper's or the official form of L_H and L_BCE; gamma: exponent of
    L_H; smoothing: of the paper's labels; positives: divisor of the official L_H where a batch is spread over processes, see
    `cornernet_focal_loss`. Raises LaanetError for an unknown recipe.
    """
    forms = pick_recipe(LOSS_RECIPES, recipe)
    with torch.autocast(output.logit.device.type, enabled=False):
        logit = _precise(output.logit)
        classification = class_loss(logit, forms.labels(targets.label, smoothing))
        heatmap = consistency = logit.new_zeros(())
        if output.heatmap is not None:
            heatmap = forms.heatmap(_precise(output.heatmap), targets.heatmap, gamma, positives)
        if output.embedding is not None:
            consistency = consistency_loss(_precise(output.embedding), targets)
        return Losses(classification + lambda1 * heatmap + lambda2 * consistency, classification, heatmap, consistency)


def _precise(values: Tensor) -> Tensor:
    """Values in float32 at least."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def class_loss(logit: Tensor, label: Tensor) -> Tensor:
    """L_BCE: mean binary cross-entropy of logits (B,) against labels (B,), smoothed or hard."""
    return F.binary_cross_entropy_with_logits(logit, label.to(logit.dtype))


def smoothed_labels(label: Tensor, smoothing: float) -> Tensor:
    """The paper's labels (B,) for L_BCE, drawn together by `smoothing` (1 -> 1 - smoothing / 2)."""
    return label * (1 - smoothing) + smoothing / 2


def hard_labels(label: Tensor, smoothing: float) -> Tensor:
    """The official labels (B,) for L_BCE: as they are."""
    return label


def focal_loss(logits: Tensor, heatmap: Tensor, gamma: float, positives: Tensor | None = None) -> Tensor:
    """The paper's L_H, Eq. 5 and 6: -(1 - p)^gamma log p summed over the pixels of an image, averaged over the images.

    logits: (B, 1, h, w), of a vulnerable point; heatmap: (B, 1, h, w); a pixel that is exactly 1 is a positive
    (p = sigmoid(logit)), every other a negative (p = 1 - sigmoid(logit)); their number counts for nothing.
    """
    towards_truth = torch.where(heatmap == 1, logits, -logits)
    focus = torch.exp(gamma * F.logsigmoid(-towards_truth))
    return -(focus * F.logsigmoid(towards_truth)).sum(dim=(1, 2, 3)).mean()


def cornernet_focal_loss(logits: Tensor, heatmap: Tensor, gamma: float, positives: Tensor | None = None) -> Tensor:
    """The official L_H (CornerNet, Eq. 1): summed over the pixels of the batch, divided by the number of positives.

    logits, heatmap: (B, 1, h, w). A pixel that is exactly 1 adds -0.72 (1 - p)^gamma log p, every other -(1 - h)^4 p^gamma log(1 - p),
    with p = sigmoid(logit) held in [1e-4, 1 - 1e-4]: beyond, a pixel has no gradient, as in that code. positives: the divisor, a scalar
    over 0; by default `count_positives` of this batch. Where processes share a batch and average their gradients, the mean of their counts.
    """
    p = torch.sigmoid(logits).clamp(SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    positive = POSITIVE_WEIGHT * (1 - p) ** gamma * p.log()
    negative = (1 - heatmap) ** NEGATIVE_EXPONENT * p**gamma * (1 - p).log()
    divisor = count_positives(heatmap) if positives is None else positives
    return -torch.where(heatmap == 1, positive, negative).sum() / divisor


def count_positives(heatmap: Tensor) -> Tensor:
    """Number of pixels of (B, 1, h, w) that are exactly 1, or 1 when there is none: a scalar."""
    return (heatmap == 1).sum().clamp(min=1)


def consistency_loss(embedding: Tensor, targets: BatchTargets) -> Tensor:
    """L_C: binary cross-entropy between C and its prediction from an embedding (B, 256, h, w), mean over pixels and images."""
    logits = consistency_logits(embedding, targets.anchor)
    return F.binary_cross_entropy_with_logits(logits, targets.consistency.to(logits.dtype))


def consistency_logits(embedding: Tensor, anchor: Tensor) -> Tensor:
    """Logits that each pixel is consistent with the anchor: <f_anchor, f_ij> / 16 (reference_facts, sec. 3).

    embedding: (B, 256, h, w); anchor: (B, 2) rows and columns; result (B, 1, h, w).
    """
    images = torch.arange(len(embedding), device=embedding.device)
    at_anchor = embedding[images, :, anchor[:, 0], anchor[:, 1]]
    products: Tensor = torch.einsum("bc,bchw->bhw", at_anchor, embedding)
    return products.unsqueeze(1) / _EMBEDDING_SCALE


class LossRecipe(NamedTuple):
    """Where the two recipes' losses differ (reference_facts, sec. 3): labels: what L_BCE compares with; heatmap: L_H."""

    labels: Callable[[Tensor, float], Tensor]
    heatmap: Callable[[Tensor, Tensor, float, Tensor | None], Tensor]


PAPER = LossRecipe(smoothed_labels, focal_loss)
OFFICIAL = LossRecipe(hard_labels, cornernet_focal_loss)
LOSS_RECIPES: Mapping[Recipe, LossRecipe] = {"paper": PAPER, "official": OFFICIAL}
