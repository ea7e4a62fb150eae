"""Feature pyramids: E-FPN (paper, sec. 3.2), the traditional FPN (Table 4), and the upsampling to stride 4 that ends both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from laanet_core.params import ModelParams

_FPN_WIDTH = 256
_INCEPTION_LEVEL = 3


def make_pyramid(params: ModelParams, channels: Mapping[int, int]) -> EnhancedPyramid | TraditionalPyramid:
    """The pyramid that the parameters name, for a backbone with these channels (level -> channels).

    `none` is the upsampling from F6 without injection of other levels, and so is either pyramid with F6 alone: row (a) of Table 4, which
    has one value for FPN and E-FPN, equal to that of Table 3 without E-FPN.
    """
    if params.pyramid == "none" or params.levels == [6]:
        return EnhancedPyramid(channels, [6], params.gamma_w, params.dropout)
    if params.pyramid == "fpn":
        return TraditionalPyramid(channels, params.levels, params.dropout)
    return EnhancedPyramid(channels, params.levels, params.gamma_w, params.dropout)


class EnhancedPyramid(nn.Module):
    """E-FPN over the backbone's levels, with one map of stride 4 as output.

    channels: level -> channels of the backbone's features; levels: 6 and those that are injected, a run from 6 downwards;
    gamma_w: exponent of the mask (Eq. 9); dropout: on each level used, in training. out_channels: of the output.

    At 384 px with EfficientNet-B4 and [6, 5, 4, 3] this is the published network's decoder (docs/paper_and_official.md, section 2).
    """

    def __init__(self, channels: Mapping[int, int], levels: Sequence[int], gamma_w: float, dropout: float) -> None:
        super().__init__()
        self.injected = [level for level in levels if level < 6]
        self.gamma_w = gamma_w
        self.dropout = nn.Dropout(dropout)
        widths = {level: channels[level] * (2 if level < 6 else 1) for level in levels}
        self.steps = nn.ModuleDict({str(level): _step(level, widths[level], channels) for level in levels[:-1]})
        self.descent = Descent(levels[-1], widths[levels[-1]], channels)
        self.out_channels = self.descent.out_channels

    def forward(self, features: Mapping[int, Tensor]) -> Tensor:
        """Decode features (level -> (B, channels, H / stride, W / stride)) into (B, out_channels, H / 4, W / 4)."""
        merged = self.dropout(features[6])
        for level in self.injected:
            enhanced = self.steps[str(level + 1)](merged)
            merged = inject(enhanced, self.dropout(features[level]), self.gamma_w)
        decoded: Tensor = self.descent(merged)
        return decoded


class TraditionalPyramid(nn.Module):
    """The FPN of Lin et al. (CVPR 2017) over the same levels, then the same upsampling to one map of stride 4 as in E-FPN.

    channels, levels (at least two), dropout, out_channels: as in `EnhancedPyramid`.

    A 1x1 convolution maps each level to 256 channels. From the top down, the map is upsampled by nearest neighbour (F6 and F5 have the
    same size) and the next level is added. A 3x3 convolution smooths the finest sum. As in Lin et al., these convolutions have a bias
    and neither batch norm nor ReLU. The paper does not say how this gives one map of stride 4: here the coarser sums are not smoothed,
    since they are not used, and if the levels end above F2 the finest map is upsampled like that of E-FPN without injection.
    """

    def __init__(self, channels: Mapping[int, int], levels: Sequence[int], dropout: float) -> None:
        super().__init__()
        self.levels = list(levels)
        self.dropout = nn.Dropout(dropout)
        self.lateral = nn.ModuleDict({str(level): nn.Conv2d(channels[level], _FPN_WIDTH, 1) for level in levels})
        self.smooth = nn.Conv2d(_FPN_WIDTH, _FPN_WIDTH, 3, padding=1)
        self.descent = Descent(levels[-1], _FPN_WIDTH, channels)
        self.out_channels = self.descent.out_channels

    def forward(self, features: Mapping[int, Tensor]) -> Tensor:
        """Decode features (level -> (B, channels, H / stride, W / stride)) into (B, out_channels, H / 4, W / 4)."""
        decoded: Tensor = self.descent(self.finest(features))
        return decoded

    def finest(self, features: Mapping[int, Tensor]) -> Tensor:
        """The pyramid's map of the lowest level, (B, 256, H / stride, W / stride)."""
        top, *finer = (self.lateral[str(level)](self.dropout(features[level])) for level in self.levels)
        for lateral in finer:
            top = lateral + F.interpolate(top, size=lateral.shape[-2:], mode="nearest")
        smoothed: Tensor = self.smooth(top)
        return smoothed


def inject(enhanced: Tensor, feature: Tensor, gamma_w: float) -> Tensor:
    """Concatenate E and F * (1 - sigmoid(E))^gamma_w (Eq. 9): twice (B, C, H, W) -> (B, 2C, H, W)."""
    mask = torch.sigmoid(-enhanced)
    return torch.cat([enhanced, feature * (mask if gamma_w == 1 else mask**gamma_w)], dim=1)


class Descent(nn.Module):
    """Upsampling of a map of any level to stride 4: steps down to level 3, inception block, doubling of the size.

    level: 2 to 6, level of the map (level 2 already has stride 4: inception block only); width: its channels;
    channels: level -> channels of the backbone's features, also used by the steps. out_channels: of the output.
    """

    def __init__(self, level: int, width: int, channels: Mapping[int, int]) -> None:
        super().__init__()
        widths = {**channels, level: width}
        reached = min(level, _INCEPTION_LEVEL)
        self.steps = nn.Sequential(*(_step(above, widths[above], channels) for above in range(level, reached, -1)))
        self.inception = Inception(widths[reached])
        self.out_channels = self.inception.out_channels
        self.up = nn.Sequential(*_double(self.out_channels), nn.ReLU(inplace=True)) if reached > 2 else nn.Identity()

    def forward(self, features: Tensor) -> Tensor:
        """(B, width, H / stride, W / stride) -> (B, out_channels, H / 4, W / 4)."""
        decoded: Tensor = self.up(self.inception(self.steps(features)))
        return decoded


class Inception(nn.Module):
    """Four branches with one shared 1x1 projection P, concatenated: P(x), 3x3 of P(x), 5x5 of P(x), P(max-pool of x).

    (B, C, H, W) -> (B, out_channels, H, W) with out_channels = 4 * (C // 4).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        quarter = channels // 4
        self.out_channels = 4 * quarter
        self.project = nn.Sequential(*_conv_bn_relu(channels, quarter, 1))
        self.conv3 = nn.Sequential(*_conv_bn_relu(quarter, quarter, 3))
        self.conv5 = nn.Sequential(*_conv_bn_relu(quarter, quarter, 5))
        self.pool = nn.MaxPool2d(3, stride=1, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, out_channels, H, W)."""
        projected = self.project(features)
        return torch.cat([projected, self.conv3(projected), self.conv5(projected), self.project(self.pool(features))], dim=1)


def _step(level: int, inside: int, channels: Mapping[int, int]) -> nn.Sequential:
    """From F'(level) to E(level - 1) in Eq. 9: convolution to that level's channels, then doubling of the size (F6 has that of F5)."""
    outside = channels[level - 1]
    return nn.Sequential(*_conv_bn_relu(inside, outside, 3), *(_double(outside) if level < 6 else []))


def _conv_bn_relu(inside: int, outside: int, size: int) -> list[nn.Module]:
    """Convolution without bias that preserves height and width, batch norm, ReLU."""
    return [nn.Conv2d(inside, outside, size, padding=size // 2, bias=False), nn.BatchNorm2d(outside), nn.ReLU(inplace=True)]


def _double(channels: int) -> list[nn.Module]:
    """Transposed convolution that doubles height and width, batch norm."""
    return [nn.ConvTranspose2d(channels, channels, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(channels)]
