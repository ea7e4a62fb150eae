"""LAA-Net: one backbone, one pyramid, a classifier and auxiliary heads; and the plain classifier that it is compared with."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from laanet_core.errors import LaanetError
from laanet_core.heads.registry import find_heads
from laanet_core.heads.spec import HeadSpec
from laanet_core.model.backbone import LevelsBackbone, PooledBackbone
from laanet_core.model.calibration import Calibrations
from laanet_core.model.classifier import class_head, plain_head
from laanet_core.model.padding import same_padded_inputs
from laanet_core.model.pyramid import make_pyramid
from laanet_core.model.weights import load_backbone
from laanet_core.params import ModelParams
from laanet_core.store.account import Account

STRIDE = 4


class Output(NamedTuple):
    """The network's outputs for B images of H x W pixels.

    logit: (B,), of being fake; heads: name of each auxiliary head of the network -> its output, with the built-in heads
    `heatmap` (B, 1, H/4, W/4), logits of a vulnerable point, and `consistency` (B, 256, H/4, W/4), an embedding whose inner products
    give the self-consistency (`laanet_core.heads.consistency.consistency_logits`).
    """

    logit: Tensor
    heads: dict[str, Tensor]


class LAANet(nn.Module):
    """The network of Fig. 2; without pyramid and auxiliary heads, a plain classifier on any timm network (Table 1).

    params: its parameters; image_size: side in pixels of the crops it is trained on (with a pyramid or head it accepts any multiple of
    32); normalisation: mean and deviation of its input, initially those that timm gives for the backbone; calibrations: fitted mappings
    from logits to probabilities, or None; made: account of the training that produced its weights, or None.
    Raises UnknownHeadError for a head that is not registered, and LaanetError for a backbone that timm does not know or that does not
    support these parameters.
    """

    def __init__(self, params: ModelParams, image_size: int | None = None) -> None:
        super().__init__()
        self.params = params
        self.image_size = image_size
        self.backbone: LevelsBackbone | PooledBackbone
        self.pyramid: nn.Module
        self._modules_of_heads: dict[str, str] = {}
        heads = find_heads(params.heads)
        if params.pyramid == "none" and not heads:
            self._make_plain(params)
        else:
            self._make_pyramid(params, heads)
        self.normalisation = self.backbone.normalisation
        self.calibrations: Calibrations | None = None
        self.made: Account | None = None

    def _make_plain(self, params: ModelParams) -> None:
        self.backbone = PooledBackbone(params.backbone, params.drop_path, params.padded_for)
        self.pyramid = nn.Identity()
        self.classifier = plain_head(self.backbone.channels, params.dropout)

    def _make_pyramid(self, params: ModelParams, heads: list[HeadSpec]) -> None:
        self.backbone = LevelsBackbone(params.backbone, params.drop_path, params.padded_for)
        self.pyramid = pyramid = make_pyramid(params, self.backbone.channels)
        self._modules_of_heads = {spec.name: spec.module for spec in heads}
        self._add_heads([spec for spec in heads if spec.before_classifier], pyramid.out_channels)
        self.classifier = class_head(pyramid.out_channels)
        self._add_heads([spec for spec in heads if not spec.before_classifier], pyramid.out_channels)

    def _add_heads(self, heads: list[HeadSpec], channels: int) -> None:
        for spec in heads:
            self.add_module(spec.module, spec.build(channels))

    def forward(self, images: Tensor) -> Output:
        """Apply the network to normalised images (B, 3, H, W), floats of any precision.

        Raises LaanetError for integers and for a shape that the network does not accept.
        """
        if not images.is_floating_point() or not _are_colour_images(images):
            raise LaanetError(
                f"images: {images.dtype} of shape {tuple(images.shape)}; give model.normalise(images), floats of shape (B, 3, H, W)."
            )
        decoded = self.pyramid(self._features(images.to(next(self.parameters()).dtype)))
        heads = {name: getattr(self, module)(decoded) for name, module in self._modules_of_heads.items()}
        return Output(self.classifier(decoded).squeeze(1), heads)

    def _features(self, images: Tensor) -> dict[int, Tensor] | Tensor:
        try:
            features: dict[int, Tensor] | Tensor = self.backbone(images)
        except (AssertionError, RuntimeError):
            # raises LaanetError if the image size is the cause (a ViT accepts one size only); any other error is a bug
            same_padded_inputs(self.backbone.network, *images.shape[-2:])
            raise
        return features

    def named_outputs(self, output: Output) -> dict[str, Tensor]:
        """The tensors of an output of this network under the names of an ONNX file: `logit`, then the module name of each head."""
        return {"logit": output.logit, **{module: output.heads[name] for name, module in self._modules_of_heads.items()}}

    def remove_heads(self) -> None:
        """Remove the auxiliary heads, in place; the logits stay the same."""
        for module in self._modules_of_heads.values():
            delattr(self, module)
        self._modules_of_heads = {}

    def normalise(self, images: Tensor) -> Tensor:
        """RGB uint8 (B, 3, H, W) -> the network's input, (x / 255 - mean) / std, in its precision and on its device.

        Raises LaanetError for another type, another order of axes, and a single image without a batch axis.
        """
        if images.dtype != torch.uint8 or not _are_colour_images(images):
            raise LaanetError(
                f"images: {images.dtype} of shape {tuple(images.shape)}; give RGB from 0 to 255 as torch.uint8 of shape (B, 3, H, W)."
            )
        weight = next(self.parameters())
        mean, std = (weight.new_tensor(part).view(1, 3, 1, 1) for part in self.normalisation)
        return (images.to(weight.device, non_blocking=True).to(weight.dtype) / 255 - mean) / std


def _are_colour_images(images: Tensor) -> bool:
    """Whether a tensor has the shape (B, 3, H, W)."""
    return images.ndim == 4 and images.shape[1] == 3


def build_model(params: ModelParams, weights: Path | None, image_size: int | None = None) -> LAANet:
    """Build the network, with backbone weights from the folder `weights` (`laanet_core.model.weights`), or random ones for None.

    Random weights are drawn from torch's global generator: seed it first. Raises LaanetError for an unknown backbone or head, and for
    weights that are missing or do not fit.
    """
    model = LAANet(params, image_size)
    if weights is not None:
        model.normalisation = load_backbone(model.backbone, weights)
    return model
