"""LAA-Net: one backbone, one pyramid, up to three heads; and the plain classifier that it is compared with."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from laanet_core.errors import LaanetError
from laanet_core.model.backbone import LevelsBackbone, PooledBackbone
from laanet_core.model.calibration import Calibrations
from laanet_core.model.heads import EMBEDDING, class_head, dense_head, heatmap_head, plain_head
from laanet_core.model.padding import same_padded_inputs
from laanet_core.model.pyramid import make_pyramid
from laanet_core.model.weights import load_backbone
from laanet_core.params import ModelParams
from laanet_core.store.account import Account

STRIDE = 4


class Output(NamedTuple):
    """What the network says of B images of H x W pixels; None where it has no such head.

    logit: (B,), of being fake; heatmap: (B, 1, H/4, W/4), logits of a vulnerable point; embedding: (B, 256, H/4, W/4),
    whose inner products give the self-consistency (`laanet_core.training.losses.consistency_logits`).
    """

    logit: Tensor
    heatmap: Tensor | None
    embedding: Tensor | None


class LAANet(nn.Module):
    """The network of Fig. 2, or with neither pyramid nor auxiliary head an ordinary classifier on any timm network (Table 1).

    params: what it is made of; image_size: pixels of a side of the crops it is trained on (with a pyramid or head it takes any
    multiple of 32); normalisation: mean and deviation of its input, at first those that timm gives for the backbone; calibrations: what
    turns its logits into probabilities, where that has been fitted; made: the account of the training that made its weights, if any.
    Raises LaanetError for a backbone that timm does not know or that cannot do this.
    """

    def __init__(self, params: ModelParams, image_size: int | None = None) -> None:
        super().__init__()
        self.params = params
        self.image_size = image_size
        self.backbone: LevelsBackbone | PooledBackbone
        self.pyramid: nn.Module
        self.heatmap: nn.Sequential | None = None
        self.embedding: nn.Sequential | None = None
        if params.pyramid == "none" and not params.heads:
            self._make_plain(params)
        else:
            self._make_pyramid(params)
        self.normalisation = self.backbone.normalisation
        self.calibrations: Calibrations | None = None
        self.made: Account | None = None

    def _make_plain(self, params: ModelParams) -> None:
        self.backbone = PooledBackbone(params.backbone, params.drop_path, params.padded_for)
        self.pyramid = nn.Identity()
        self.classifier = plain_head(self.backbone.channels, params.dropout)

    def _make_pyramid(self, params: ModelParams) -> None:
        self.backbone = LevelsBackbone(params.backbone, params.drop_path, params.padded_for)
        self.pyramid = pyramid = make_pyramid(params, self.backbone.channels)
        if "heatmap" in params.heads:
            self.heatmap = heatmap_head(pyramid.out_channels)
        self.classifier = class_head(pyramid.out_channels)
        if "consistency" in params.heads:
            self.embedding = dense_head(pyramid.out_channels, EMBEDDING)

    def forward(self, images: Tensor) -> Output:
        """Judge normalised images (B, 3, H, W) of any precision; raises LaanetError for whole numbers and a shape it does not take."""
        if not images.is_floating_point() or not _are_colour_images(images):
            raise LaanetError(
                f"images: {images.dtype} of shape {tuple(images.shape)}; give model.normalise(images), floats of shape (B, 3, H, W)."
            )
        decoded = self.pyramid(self._features(images.to(next(self.parameters()).dtype)))
        heatmap, embedding = (head(decoded) if head is not None else None for head in (self.heatmap, self.embedding))
        return Output(self.classifier(decoded).squeeze(1), heatmap, embedding)

    def _features(self, images: Tensor) -> dict[int, Tensor] | Tensor:
        try:
            features: dict[int, Tensor] | Tensor = self.backbone(images)
        except (AssertionError, RuntimeError):
            # a size that the network refuses (a ViT's, say) is the user's to mend; anything else is not
            same_padded_inputs(self.backbone.network, *images.shape[-2:])
            raise
        return features

    def normalise(self, images: Tensor) -> Tensor:
        """RGB uint8 (B, 3, H, W) -> the network's input, (x / 255 - mean) / std, in its precision and on its device.

        Raises LaanetError for another type, another order of the axes, and a single image without an axis for the batch.
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
    """Make the network; its backbone from the weights folder (`laanet_core.model.weights`), or random for None.

    Random parts are drawn from torch's global generator: seed it first. Raises LaanetError for an unknown backbone and
    for weights that are missing or do not fit.
    """
    model = LAANet(params, image_size)
    if weights is not None:
        model.normalisation = load_backbone(model.backbone, weights)
    return model
