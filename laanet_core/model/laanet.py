"""LAA-Net: one backbone, one pyramid, three heads."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from torch import Tensor, nn

from laanet_core.errors import LaanetError
from laanet_core.model.backbone import Backbone
from laanet_core.model.heads import EMBEDDING, class_head, dense_head, heatmap_head
from laanet_core.model.pyramid import EnhancedPyramid
from laanet_core.model.weights import load_backbone
from laanet_core.params import ModelParams

STRIDE = 4
_SIZE_STEP = 32


class Output(NamedTuple):
    """What the network says of B images of H x W pixels.

    logit: (B,), of being fake; heatmap: (B, 1, H/4, W/4), logits of a vulnerable point; embedding: (B, 256, H/4, W/4),
    whose inner products give the self-consistency (`laanet_core.training.losses.consistency_logits`).
    """

    logit: Tensor
    heatmap: Tensor
    embedding: Tensor


class LAANet(nn.Module):
    """The network of Fig. 2.

    params: what it is made of; image_size: pixels of a side of the crops it is trained on (it takes any multiple of 32);
    normalisation: mean and deviation of its input, at first those that timm gives for the backbone.
    """

    def __init__(self, params: ModelParams, image_size: int | None = None) -> None:
        super().__init__()
        self.params = params
        self.image_size = image_size
        self.backbone = Backbone(params.backbone, params.drop_path)
        self.normalisation = self.backbone.normalisation
        self.pyramid = EnhancedPyramid(self.backbone.channels, params.levels, params.gamma_w, params.dropout)
        self.heatmap = heatmap_head(self.pyramid.out_channels)
        self.classifier = class_head(self.pyramid.out_channels)
        self.embedding = dense_head(self.pyramid.out_channels, EMBEDDING)

    def forward(self, images: Tensor) -> Output:
        """Judge normalised images (B, 3, H, W), H and W multiples of 32; raises LaanetError for others."""
        height, width = images.shape[-2:]
        if height % _SIZE_STEP or width % _SIZE_STEP:
            raise LaanetError(f"images: {height}x{width} pixels; give sides that are multiples of {_SIZE_STEP} (crops.size).")
        decoded = self.pyramid(self.backbone(images))
        return Output(self.classifier(decoded).squeeze(1), self.heatmap(decoded), self.embedding(decoded))

    def normalise(self, images: Tensor) -> Tensor:
        """RGB uint8 (B, 3, H, W) -> the network's input, (x / 255 - mean) / std, in its precision and on its device."""
        weight = next(self.parameters())
        mean, std = (weight.new_tensor(part).view(1, 3, 1, 1) for part in self.normalisation)
        return (images.to(device=weight.device, dtype=weight.dtype) / 255 - mean) / std


def build_model(params: ModelParams, weights: Path | None, image_size: int | None = None) -> LAANet:
    """Make the network; its backbone from the weights folder (`laanet_core.model.weights`), or random for None.

    Random parts are drawn from torch's global generator: seed it first. Raises LaanetError for an unknown backbone and
    for weights that are missing or do not fit.
    """
    model = LAANet(params, image_size)
    if weights is not None:
        model.normalisation = load_backbone(model.backbone, weights)
    return model
