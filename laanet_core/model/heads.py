"""The three heads that read the pyramid's map, and the one of a plain classifier."""

from __future__ import annotations

import torch
from torch import nn

WIDTH = 64
EMBEDDING = 256
HEATMAP_BIAS = -2.19


def heatmap_head(channels: int) -> nn.Sequential:
    """(B, channels, h, w) -> heat-map logits (B, 1, h, w); starts at sigmoid(-2.19) = 0.1 everywhere."""
    head = dense_head(channels, 1)
    torch.nn.init.constant_(head[-1].bias, HEATMAP_BIAS)  # type: ignore[arg-type]
    return head


def dense_head(channels: int, outside: int) -> nn.Sequential:
    """(B, channels, h, w) -> (B, outside, h, w): convolution 3x3 to 64, batch norm, ReLU, convolution 1x1."""
    return nn.Sequential(*_trunk(channels), nn.Conv2d(WIDTH, outside, 1))


def class_head(channels: int) -> nn.Sequential:
    """(B, channels, h, w) -> fake logit (B, 1): the same trunk, averaged over the image, linear."""
    return nn.Sequential(*_trunk(channels), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(WIDTH, 1))


def split_class_head(head: nn.Sequential) -> tuple[nn.Sequential, nn.Sequential]:
    """A class head's two parts: (B, channels, h, w) -> its last maps (B, 64, h, w), and from these to the fake logit (B, 1)."""
    pooling = next(place for place, layer in enumerate(head) if isinstance(layer, nn.AdaptiveAvgPool2d))
    return head[:pooling], head[pooling:]


def plain_head(channels: int, dropout: float) -> nn.Sequential:
    """(B, channels) -> fake logit (B, 1): dropout, linear."""
    return nn.Sequential(nn.Dropout(dropout), nn.Linear(channels, 1))


def _trunk(channels: int) -> list[nn.Module]:
    return [nn.Conv2d(channels, WIDTH, 3, padding=1), nn.BatchNorm2d(WIDTH), nn.ReLU(inplace=True)]
