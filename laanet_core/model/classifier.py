"""The classifier of the network, and that of a plain network without pyramid and auxiliary heads."""

from __future__ import annotations

from torch import nn

from laanet_core.heads.layers import WIDTH, conv_trunk


def class_head(channels: int) -> nn.Sequential:
    """(B, channels, h, w) -> fake logit (B, 1): the first layers of an auxiliary head, average over the image, linear layer."""
    return nn.Sequential(*conv_trunk(channels), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(WIDTH, 1))


def split_class_head(head: nn.Sequential) -> tuple[nn.Sequential, nn.Sequential]:
    """Split a class head at its pooling: (B, channels, h, w) -> its last maps (B, 64, h, w), and from these to the fake logit (B, 1)."""
    pooling = next(place for place, layer in enumerate(head) if isinstance(layer, nn.AdaptiveAvgPool2d))
    return head[:pooling], head[pooling:]


def plain_head(channels: int, dropout: float) -> nn.Sequential:
    """(B, channels) -> fake logit (B, 1): dropout, linear layer."""
    return nn.Sequential(nn.Dropout(dropout), nn.Linear(channels, 1))
