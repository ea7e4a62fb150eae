"""The backbone: a timm network that returns feature levels F2 (stride 4) to F6 (its last features), or one vector per image."""

from __future__ import annotations

from typing import NamedTuple, cast

import timm
from torch import Tensor, nn

from laanet_core.errors import LaanetError
from laanet_core.model.padding import fix_padding

STRIDES = {2: 4, 3: 8, 4: 16, 5: 32}
_BATCH_NORM_MOMENTUM = 0.01


class Normalisation(NamedTuple):
    """Mean and standard deviation, for R, G, B in [0, 1], by which a network's input is normalised."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


class Backbone(nn.Module):
    """A timm network without its classifier.

    name: model name in timm; drop_path: rate of stochastic depth; padded_for: image size for which its SAME padding is fixed.
    network: the timm network; normalisation: input normalisation of timm's weights for it.
    Raises LaanetError for a name that timm does not know, and for a rate or size that the network does not support.
    """

    def __init__(self, name: str, drop_path: float = 0.0, padded_for: int | None = None) -> None:
        super().__init__()
        self.network = _create(name, drop_path)
        config = cast(dict[str, tuple[float, float, float]], self.network.pretrained_cfg)
        self.normalisation = Normalisation(config["mean"], config["std"])
        _use_batch_norm_momentum(self.network)
        if padded_for is not None:
            fix_padding(self.network, padded_for)


class LevelsBackbone(Backbone):
    """A backbone that returns feature levels.

    F2 to F5 are the last features of strides 4, 8, 16 and 32. F6 also has stride 32: the output of the head convolution with batch norm
    and activation if the network has one (EfficientNet), else the final features.

    channels: level -> channels. Raises LaanetError for a network without these strides.
    """

    def __init__(self, name: str, drop_path: float = 0.0, padded_for: int | None = None) -> None:
        super().__init__(name, drop_path, padded_for)
        info = list(getattr(self.network, "feature_info", []))
        by_stride = {feature["reduction"]: number for number, feature in enumerate(info)}
        if not set(STRIDES.values()) <= set(by_stride) or not hasattr(self.network, "forward_intermediates"):
            raise LaanetError(f"model.backbone: {name!r} has no features at strides 4, 8, 16 and 32; choose a convolutional network.")
        self._taps = {level: by_stride[stride] for level, stride in STRIDES.items()}
        self.channels = {level: int(info[tap]["num_chs"]) for level, tap in self._taps.items()}
        self.channels[6] = int(cast(int, self.network.num_features))

    def forward(self, images: Tensor) -> dict[int, Tensor]:
        """Levels 2 to 6 of normalised images (B, 3, H, W): level -> (B, channels[level], H / stride, W / stride).

        Raises LaanetError unless H and W are multiples of the largest stride, and for a network whose features have other shapes.
        """
        height, width = images.shape[-2:]
        if height % STRIDES[5] or width % STRIDES[5]:
            raise LaanetError(f"images: {height}x{width} pixels; give sides that are multiples of {STRIDES[5]} (crops.size).")
        top, taps = self.network.forward_intermediates(images, indices=list(self._taps.values()))  # type: ignore[operator]
        if getattr(self.network, "output_fmt", "NCHW") == "NHWC":
            top = top.permute(0, 3, 1, 2)
        features = {**dict(zip(self._taps, taps, strict=True)), 6: top}
        for level, feature in features.items():
            stride = STRIDES[min(level, 5)]
            if feature.shape[1:] != (self.channels[level], height // stride, width // stride):
                found = "x".join(map(str, feature.shape[1:]))
                raise LaanetError(f"model.backbone: its features F{level} are {found} for {height}x{width} pixels; choose another network.")
        return features


class PooledBackbone(Backbone):
    """A backbone that returns one vector of `channels` values per image, pooled as timm does for this network's classifier."""

    def __init__(self, name: str, drop_path: float = 0.0, padded_for: int | None = None) -> None:
        super().__init__(name, drop_path, padded_for)
        self.channels = int(getattr(self.network, "head_hidden_size", None) or cast(int, self.network.num_features))

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images (B, 3, H, W) -> (B, channels)."""
        pooled: Tensor = self.network.forward_head(self.network.forward_features(images), pre_logits=True)  # type: ignore[operator]
        return pooled


def _create(name: str, drop_path: float) -> nn.Module:
    """Create the timm network without classifier, with timm's initialisation."""
    if not timm.is_model(name):
        raise LaanetError(f"model.backbone: {name!r} is not a timm network; choose a name from timm.list_models().")
    try:
        return cast(nn.Module, timm.create_model(name, num_classes=0, **({"drop_path_rate": drop_path} if drop_path else {})))
    except RuntimeError as error:
        raise LaanetError(f"model.backbone: {name!r} cannot be created ({error}); correct the part after the dot.") from None
    except TypeError:
        if not drop_path:
            raise
        raise LaanetError(f"model.drop_path: {name!r} has no stochastic depth; set it to 0.") from None


def _use_batch_norm_momentum(network: nn.Module) -> None:
    """Set the momentum of batch norms to 0.01, as in the published network (docs/paper_and_official.md, section 2)."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = _BATCH_NORM_MOMENTUM
