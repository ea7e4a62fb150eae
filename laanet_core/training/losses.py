"""The losses of the paper's Eq. 5 to 8, as pure functions of logits and targets."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from laanet_core.model import Output
from laanet_core.model.heads import EMBEDDING

_EMBEDDING_SCALE = math.sqrt(EMBEDDING)


class Truth(NamedTuple):
    """What is known of B images.

    label: (B,), 1 fake, 0 real; heatmap, consistency: (B, 1, h, w) in [0, 1]; anchor: (B, 2), row and column of the pixel
    that the consistency is measured against.
    """

    label: Tensor
    heatmap: Tensor
    consistency: Tensor
    anchor: Tensor


class Losses(NamedTuple):
    """Scalars: the total of Eq. 8 and its three terms before they are weighted."""

    total: Tensor
    classification: Tensor
    heatmap: Tensor
    consistency: Tensor


def total_loss(output: Output, truth: Truth, *, lambda1: float, lambda2: float, gamma: float, smoothing: float) -> Losses:
    """Eq. 8: L = L_BCE + lambda1 L_H + lambda2 L_C."""
    classification = class_loss(output.logit, truth.label, smoothing)
    heatmap = focal_loss(output.heatmap, truth.heatmap, gamma)
    consistency = F.binary_cross_entropy_with_logits(consistency_logits(output.embedding, truth.anchor), truth.consistency)
    return Losses(classification + lambda1 * heatmap + lambda2 * consistency, classification, heatmap, consistency)


def class_loss(logit: Tensor, label: Tensor, smoothing: float) -> Tensor:
    """Mean binary cross-entropy of logits (B,) against labels (B,) drawn together by `smoothing` (1 -> 1 - smoothing / 2)."""
    return F.binary_cross_entropy_with_logits(logit, label * (1 - smoothing) + smoothing / 2)


def focal_loss(logits: Tensor, heatmap: Tensor, gamma: float) -> Tensor:
    """Eq. 5 and 6: -(1 - p)^gamma log p summed over the pixels of an image, averaged over the images.

    logits: (B, 1, h, w), of a vulnerable point; heatmap: (B, 1, h, w); a pixel that is exactly 1 is a positive
    (p = sigmoid(logit)), every other a negative (p = 1 - sigmoid(logit)).
    """
    towards_truth = torch.where(heatmap == 1, logits, -logits)
    focus = torch.exp(gamma * F.logsigmoid(-towards_truth))
    return -(focus * F.logsigmoid(towards_truth)).sum(dim=(1, 2, 3)).mean()


def consistency_logits(embedding: Tensor, anchor: Tensor) -> Tensor:
    """Logits that each pixel is consistent with the anchor: <f_anchor, f_ij> / 16 (reference_facts, sec. 3).

    embedding: (B, 256, h, w); anchor: (B, 2) rows and columns; result (B, 1, h, w).
    """
    images = torch.arange(len(embedding), device=embedding.device)
    at_anchor = embedding[images, :, anchor[:, 0], anchor[:, 1]]
    products: Tensor = torch.einsum("bc,bchw->bhw", at_anchor, embedding)
    return products.unsqueeze(1) / _EMBEDDING_SCALE
