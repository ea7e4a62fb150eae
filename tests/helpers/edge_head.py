"""An auxiliary head defined outside the package: it predicts the blending mask.

`python -m tests.helpers.edge_head DATASET OUT` runs a training like `tests.helpers.training_set`, with this head registered.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from laanet_core.heads import HeadSpec, LossContext, TargetSource, dense_head, register_head
from tests.helpers.training_set import train_as_described


def edge_head(channels: int) -> nn.Sequential:
    """(B, channels, h, w) -> logits (B, 1, h, w)."""
    return dense_head(channels, 1)


def edge_targets(source: TargetSource) -> dict[str, Tensor]:
    """edge_mask: (2n, 1, h, w) in [0, 1]."""
    mask = F.interpolate(source.mask, size=source.encoded.heatmap.shape[-2:], mode="area")
    return {"edge_mask": torch.cat([torch.zeros_like(mask), mask])}


def edge_loss(logits: Tensor, targets: Mapping[str, Tensor], context: LossContext) -> Tensor:
    """Mean cross-entropy over pixels and images."""
    return F.binary_cross_entropy_with_logits(logits, targets["edge_mask"].to(logits.dtype))


EDGE = HeadSpec(
    name="edge", module="edge_layers", label="edge", weight="train.head_weights.edge",
    build=edge_head, targets=edge_targets, loss=edge_loss,
)  # fmt: skip


if __name__ == "__main__":
    register_head(EDGE)
    train_as_described(*map(Path, sys.argv[1:]))
