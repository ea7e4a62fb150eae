"""Layers that the heads share."""

from __future__ import annotations

from torch import nn

WIDTH = 64


def conv_trunk(channels: int) -> list[nn.Module]:
    """(B, channels, h, w) -> (B, 64, h, w): convolution 3x3, batch norm, ReLU."""
    return [nn.Conv2d(channels, WIDTH, 3, padding=1), nn.BatchNorm2d(WIDTH), nn.ReLU(inplace=True)]


def dense_head(channels: int, out_channels: int) -> nn.Sequential:
    """(B, channels, h, w) -> (B, out_channels, h, w): convolution 3x3 to 64 channels, batch norm, ReLU, convolution 1x1."""
    return nn.Sequential(*conv_trunk(channels), nn.Conv2d(WIDTH, out_channels, 1))
