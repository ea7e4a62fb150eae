"""SAME padding fixed for one image size, and the sizes of a network's inner feature maps."""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from timm.layers import Conv2dSame
from timm.layers.padding import get_same_padding
from torch import Tensor, nn

from laanet_core.errors import LaanetError


class FixedPadConv2d(nn.Conv2d):
    """A convolution with zero padding of (left, right, top, bottom) pixels, independent of the input size.

    It replaces a SAME-padded convolution of timm and shares its weight and bias.
    """

    def __init__(self, same: Conv2dSame, margins: tuple[int, int, int, int]) -> None:
        # the meta device allocates no memory and draws no random numbers
        super().__init__(same.in_channels, same.out_channels, same.kernel_size, same.stride, 0, same.dilation, same.groups, device="meta")
        self.weight, self.bias = same.weight, same.bias
        self.margins = margins

    def forward(self, features: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, H', W')."""
        return super().forward(F.pad(features, self.margins))


def fix_padding(network: nn.Module, size: int) -> None:
    """Fix the padding of every SAME-padded convolution of a timm network to that for images of `size` x `size` pixels, in place.

    Raises LaanetError if there is no such convolution, and for a size that the network does not accept.
    """
    inputs = same_padded_inputs(network, size, size)
    if not inputs:
        raise LaanetError(f"model.padded_for: {size}, but model.backbone has no SAME-padded convolution; leave it out.")
    for name, shape in inputs.items():
        network.set_submodule(name, FixedPadConv2d(network.get_submodule(name), _margins(network.get_submodule(name), shape)))


def _margins(same: nn.Module, shape: torch.Size) -> tuple[int, int, int, int]:
    """Padding (left, right, top, bottom) of a SAME-padded convolution for maps of this height and width; odd pixels after."""
    heights, widths = (
        get_same_padding(extent, kernel, stride, dilation)
        for extent, kernel, stride, dilation in zip(shape, same.kernel_size, same.stride, same.dilation, strict=True)  # type: ignore[arg-type]
    )
    return widths // 2, widths - widths // 2, heights // 2, heights - heights // 2


def same_padded_inputs(network: nn.Module, height: int, width: int) -> dict[str, torch.Size]:
    """Name of each SAME-padded convolution -> height and width of its input, for images of `height` x `width` pixels.

    Determined by a forward pass on the meta device. Raises LaanetError for a size that the network does not accept.
    """
    dry = copy.deepcopy(network).to("meta", torch.float32).eval()
    shapes: dict[nn.Module, torch.Size] = {}

    def note(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        shapes[module] = inputs[0].shape[-2:]

    for module in dry.modules():
        if isinstance(module, Conv2dSame):
            module.register_forward_pre_hook(note)
    try:
        dry.forward_features(torch.zeros(1, 3, height, width, device="meta"))  # type: ignore[operator]
    except (AssertionError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200].rstrip(".")
        raise LaanetError(f"model.backbone: does not accept images of {height}x{width} pixels ({reason}); choose another size.") from None
    return {name: shapes[module] for name, module in dry.named_modules() if module in shapes}
