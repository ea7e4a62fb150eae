"""The self-consistency head: an embedding whose inner products say which pixels have the same boundary value (Eq. 7)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from laanet_core.heads.layers import dense_head
from laanet_core.heads.spec import HeadSpec, LossContext, TargetSource

CHANNELS = 256
_SCALE = math.sqrt(CHANNELS)


def embedding_head(channels: int) -> nn.Sequential:
    """(B, channels, h, w) -> embedding (B, 256, h, w)."""
    return dense_head(channels, CHANNELS)


def consistency_targets(source: TargetSource) -> dict[str, Tensor]:
    """consistency: C of Eq. 7, float32 (2n, 1, h, w) in [0, 1]; anchor: int64 (2n, 2), row and column of the pixel that C refers to."""
    return {"consistency": source.encoded.consistency, "anchor": source.encoded.anchor}


def consistency_loss(embedding: Tensor, targets: Mapping[str, Tensor], context: LossContext) -> Tensor:
    """L_C: binary cross-entropy between C and its prediction from an embedding (B, 256, h, w), mean over pixels and images."""
    logits = consistency_logits(embedding, targets["anchor"])
    return F.binary_cross_entropy_with_logits(logits, targets["consistency"].to(logits.dtype))


def consistency_logits(embedding: Tensor, anchor: Tensor) -> Tensor:
    """Logits that each pixel is consistent with the anchor: <f_anchor, f_ij> / 16 (docs/paper_and_official.md, section 3).

    embedding: (B, 256, h, w); anchor: (B, 2) rows and columns; result (B, 1, h, w).
    """
    images = torch.arange(len(embedding), device=embedding.device)
    at_anchor = embedding[images, :, anchor[:, 0], anchor[:, 1]]
    products: Tensor = torch.einsum("bc,bchw->bhw", at_anchor, embedding)
    return products.unsqueeze(1) / _SCALE


CONSISTENCY = HeadSpec(
    name="consistency", module="embedding", label="consistency", weight="lambda2",
    build=embedding_head, targets=consistency_targets, loss=consistency_loss,
)  # fmt: skip
