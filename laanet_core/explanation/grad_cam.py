"""Where a network looks: its predicted heat map, and Grad-CAM (Selvaraju et al., ICCV 2017) of its fake logit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np
import torch
from captum.attr import LayerAttribution, LayerGradCam
from torch import Tensor, nn
from torch.backends import cudnn

from laanet_core.model import LAANet
from laanet_core.model.backbone import PooledBackbone
from laanet_core.model.classifier import split_class_head
from laanet_core.model.forward import forward
from laanet_core.types import Image, Map


class Explanation(NamedTuple):
    """Output of a network for one face of H x W pixels; a map that the network does not have is None.

    logit: of being fake; heatmap: (H/4, W/4), predicted vulnerability in [0, 1]; gradcam: (H, W) in [0, 1], divided by its maximum.
    """

    logit: float
    heatmap: Map | None
    gradcam: Map | None


def explain(model: LAANet, image: Image) -> Explanation:
    """Logit, heat map and Grad-CAM of one RGB crop (H, W, 3) uint8; the network must be in evaluation mode."""
    logits, heatmaps = forward(model, [image])
    gradcams = grad_cam(model, [image])
    return Explanation(float(logits[0]), None if heatmaps is None else heatmaps[0], None if gradcams is None else gradcams[0])


def grad_cam(model: LAANet, images: Sequence[Image]) -> Map | None:
    """Grad-CAM of the fake logit for n RGB crops (H, W, 3) uint8 of one size: (n, H, W) in [0, 1].

    Computed at the last feature maps before global average pooling: those of the class head, or the last features of a network without
    pyramid. They are upsampled bilinearly, and divided by the maximum of each image if it is positive. If a linear layer follows the
    pooling, the mean of a map before the ReLU equals the logit without its bias. Returns None if the last features are not maps (the
    tokens of most transformers). The network must be in evaluation mode; its hooks, gradients and parameter flags stay unchanged.
    """
    maps = [_grad_cam(model, image) for image in images]
    existing = [each for each in maps if each is not None]
    return np.stack(existing) if existing else None


def _grad_cam(model: LAANet, image: Image) -> Map | None:
    """Grad-CAM (H, W) of one image; images run one at a time, so that a map does not depend on the others in a batch."""
    pixels = torch.from_numpy(image.copy()).permute(2, 0, 1)[None]
    with torch.no_grad():
        features = last_maps(model, model.normalise(pixels))
    if features is None:
        return None
    tail = GradCamTail(model)
    with cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        relevance = LayerGradCam(tail, tail.maps).attribute(features, target=0, relu_attributions=True)
    upsampled = LayerAttribution.interpolate(relevance.detach(), image.shape[:2], interpolate_mode="bilinear")[0, 0]
    peak = upsampled.max()
    return np.asarray((upsampled / peak if peak > 0 else upsampled).float().cpu().numpy())


def last_maps(model: LAANet, images: Tensor) -> Tensor | None:
    """The last feature maps (B, C, h, w) before pooling, for normalised images (B, 3, H, W); None if the last features are not maps."""
    if not isinstance(model.backbone, PooledBackbone):
        convolutions, _ = split_class_head(model.classifier)
        return cast(Tensor, convolutions(model.pyramid(model.backbone(images))))
    features = model.backbone.network.forward_features(images)  # type: ignore[operator]
    if not isinstance(features, Tensor) or features.ndim != 4:
        return None
    return features.permute(0, 3, 1, 2) if _channels_last(model.backbone.network) else features


class GradCamTail(nn.Module):
    """The part of a network after `last_maps`. maps: an identity layer at its input, for captum's hook, so that the network gets none."""

    def __init__(self, model: LAANet) -> None:
        super().__init__()
        self.maps = nn.Identity()
        self.model = model

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, h, w) -> fake logit (B, 1)."""
        features: Tensor = self.maps(maps)
        if not isinstance(self.model.backbone, PooledBackbone):
            _, rest = split_class_head(self.model.classifier)
            return cast(Tensor, rest(features))
        network = self.model.backbone.network
        ordered = features.permute(0, 2, 3, 1) if _channels_last(network) else features
        return cast(Tensor, self.model.classifier(network.forward_head(ordered, pre_logits=True)))  # type: ignore[operator]


def _channels_last(network: nn.Module) -> bool:
    """Whether a timm network's features are (B, h, w, C)."""
    return getattr(network, "output_fmt", "NCHW") == "NHWC"
