"""E-FPN: the decoder that adds to the top features only what they do not show yet (paper, sec. 3.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

_LOWEST_UNASKED = 3


class EnhancedPyramid(nn.Module):
    """E-FPN over the backbone's levels, down to one map of stride 4.

    channels: level -> channels of the backbone's features; levels: levels that are injected, a run from 6 downwards
    (the walk goes on to level 3 without injection where they end earlier); gamma_w: exponent of the mask (Eq. 9);
    dropout: on each injected level, in training. out_channels: channels of the resulting map.

    At 384 px with EfficientNet-B4 and [6, 5, 4, 3] this is the published network's decoder (reference_facts, sec. 2).
    """

    def __init__(self, channels: Mapping[int, int], levels: Sequence[int], gamma_w: float, dropout: float) -> None:
        super().__init__()
        self.injected = [level for level in levels if level < 6]
        self.lowest = min(_LOWEST_UNASKED, *levels)
        self.gamma_w = gamma_w
        self.dropout = nn.Dropout(dropout)
        self.top = nn.Sequential(*conv_bn_relu(channels[6], channels[5], 3))
        widths = {level: channels[level] * (2 if level in self.injected else 1) for level in range(5, self.lowest - 1, -1)}
        self.down = nn.ModuleDict({str(level): _down(widths[level], channels[level - 1]) for level in range(5, self.lowest, -1)})
        self.inception = Inception(widths[self.lowest])
        self.out_channels = self.inception.out_channels
        self.up = nn.Sequential(*_double(self.out_channels), nn.ReLU(inplace=True)) if self.lowest > 2 else nn.Identity()

    def forward(self, features: Mapping[int, Tensor]) -> Tensor:
        """Decode features (level -> (B, channels, H / stride, W / stride)) into (B, out_channels, H / 4, W / 4)."""
        enhanced: Tensor = self.top(self.dropout(features[6]))
        for level in range(5, self.lowest, -1):
            enhanced = self.down[str(level)](self._inject(enhanced, features, level))
        decoded: Tensor = self.up(self.inception(self._inject(enhanced, features, self.lowest)))
        return decoded

    def _inject(self, enhanced: Tensor, features: Mapping[int, Tensor], level: int) -> Tensor:
        """Eq. 9 where this level is injected, else the enhanced features alone."""
        if level not in self.injected:
            return enhanced
        return inject(enhanced, self.dropout(features[level]), self.gamma_w)


def inject(enhanced: Tensor, feature: Tensor, gamma_w: float) -> Tensor:
    """Concatenate E and F * (1 - sigmoid(E))^gamma_w (Eq. 9): twice (B, C, H, W) -> (B, 2C, H, W)."""
    mask = torch.sigmoid(-enhanced)
    return torch.cat([enhanced, feature * (mask if gamma_w == 1 else mask**gamma_w)], dim=1)


class Inception(nn.Module):
    """Four branches on one shared 1x1 projection P: P(x), 3x3 of P(x), 5x5 of P(x), P(max-pool of x), concatenated.

    (B, C, H, W) -> (B, out_channels, H, W) with out_channels = 4 * (C // 4).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        quarter = channels // 4
        self.out_channels = 4 * quarter
        self.project = nn.Sequential(*conv_bn_relu(channels, quarter, 1))
        self.conv3 = nn.Sequential(*conv_bn_relu(quarter, quarter, 3))
        self.conv5 = nn.Sequential(*conv_bn_relu(quarter, quarter, 5))
        self.pool = nn.MaxPool2d(3, stride=1, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, out_channels, H, W)."""
        projected = self.project(features)
        return torch.cat([projected, self.conv3(projected), self.conv5(projected), self.project(self.pool(features))], dim=1)


def conv_bn_relu(inside: int, outside: int, size: int) -> list[nn.Module]:
    """Convolution without bias that keeps height and width, batch norm, ReLU."""
    return [nn.Conv2d(inside, outside, size, padding=size // 2, bias=False), nn.BatchNorm2d(outside), nn.ReLU(inplace=True)]


def _double(channels: int) -> list[nn.Module]:
    """Transposed convolution that doubles height and width, batch norm."""
    return [nn.ConvTranspose2d(channels, channels, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(channels)]


def _down(inside: int, outside: int) -> nn.Sequential:
    """From F'(l+1) to E(l) in Eq. 9: convolution to the next level's channels, then twice the size."""
    return nn.Sequential(*conv_bn_relu(inside, outside, 3), *_double(outside))
