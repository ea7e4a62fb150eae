"""Import of checkpoints of the published network (EfficientNet-B4, E-FPN, 384 px)."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor

from laanet_core.errors import LaanetError
from laanet_core.model.checkpoint import brief, check_entries, save_model
from laanet_core.model.laanet import LAANet
from laanet_core.model.weights import timm_names
from laanet_core.params import ModelParams

# A published file, with the states of Adam and SAM, has less than 1 GB.
_MAX_BYTES = 2 << 30
_KEYS = {"epoch", "state_dict", "optimizer"}
_ALIAS, _ALIASED = "inception_block.", "deconv_4.0."
# The published network computes SAME padding for 380 px and keeps it at 384 px.
PUBLISHED = ModelParams(
    backbone="tf_efficientnet_b4.ap_in1k", pretrained=False, pyramid="efpn", levels=[6, 5, 4, 3], heads=["heatmap", "consistency"],
    gamma_w=1, dropout=0.4, drop_path=0.2, padded_for=380,
)  # fmt: skip
# The first matching prefix applies.
_DECODER = {
    "deconv_1.0.": "pyramid.steps.6.",
    "deconv_2.0.": "pyramid.steps.5.", "deconv_2.1.": "pyramid.steps.5.3.", "deconv_2.2.": "pyramid.steps.5.4.",
    "deconv_3.0.": "pyramid.steps.4.", "deconv_3.1.": "pyramid.steps.4.3.", "deconv_3.2.": "pyramid.steps.4.4.",
    "deconv_4.0.pw_block.": "pyramid.descent.inception.project.", "deconv_4.0.conv3_block.": "pyramid.descent.inception.conv3.",
    "deconv_4.0.conv5_block.": "pyramid.descent.inception.conv5.",
    "deconv_4.1.": "pyramid.descent.up.0.", "deconv_4.2.": "pyramid.descent.up.1.",
    "hm.": "heatmap.", "cls.": "classifier.", "cstency.": "embedding.",
}  # fmt: skip


def import_official(source: Path, out: Path, image_size: int = 384) -> None:
    """Convert a published checkpoint {'epoch', 'state_dict', 'optimizer'} to one of this project, keeping its float64.

    In float32 the outputs would differ by 1.6e-6 of the largest value from the golden values, more than the tolerance of 1e-6.
    image_size: side in pixels of the crops that it will score, a multiple of 32. No code in the file is executed.
    Raises LaanetError for any other file, and for entries that are missing, unknown, of another shape or not finite.
    """
    if out.suffix != ".safetensors":
        raise LaanetError(f"{out}: checkpoints are .safetensors files; give a name with that ending.")
    if not 32 <= image_size <= 4096 or image_size % 32:
        raise LaanetError(f"image size: {image_size} pixels; give a multiple of 32 up to 4096, such as 384.")
    try:
        state = _native_names(_state_dict(source))
        check_entries(state, PUBLISHED)
        _check_finite(state)
    except (LaanetError, ValueError) as error:
        raise LaanetError(f"{source}: no published checkpoint ({brief(str(error))}); give the file that the authors published.") from None
    model = LAANet(PUBLISHED, image_size).double()
    model.load_state_dict(state)
    save_model(model, out)


def _state_dict(source: Path) -> dict[str, Tensor]:
    """The state dict in a file of torch.save; raises ValueError for any other file, before reading large data."""
    _check_archive(source)
    try:
        # memory-mapped: unused data (the optimizer's state) is not read, and no tensor can extend beyond the file
        loaded: Any = torch.load(source, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError:
        raise ValueError("it holds objects other than tensors, which were not executed") from None
    except Exception as error:  # a hostile or broken pickle can make torch.load raise anything
        raise ValueError(f"{type(error).__name__}: {error}") from None
    if not isinstance(loaded, dict) or set(loaded) != _KEYS or not isinstance(loaded["state_dict"], dict):
        raise ValueError(f"it is not a dictionary of {', '.join(sorted(_KEYS))}")
    return _plain_tensors(loaded["state_dict"])


def _check_archive(source: Path) -> None:
    """Raise ValueError unless this is a zip file of moderate size with uncompressed entries."""
    try:
        size = source.stat().st_size
        if size > _MAX_BYTES:
            raise ValueError(f"it has {size} bytes, more than {_MAX_BYTES}")
        with zipfile.ZipFile(source) as archive:
            entries = archive.infolist()
    except (OSError, zipfile.BadZipFile) as error:
        reason = error.strerror if isinstance(error, OSError) else "not written by torch.save"
        raise ValueError(reason) from None
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries) or sum(entry.file_size for entry in entries) > size:
        raise ValueError("its entries are compressed")


def _plain_tensors(state: Mapping[Any, Any]) -> dict[str, Tensor]:
    """The same dictionary, detached; raises ValueError unless it holds only dense tensors of real numbers under string keys."""
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise ValueError(f"its state_dict has {str(name)[:100]!r}, which is not a tensor")
        if value.layout != torch.strided or value.is_quantized or value.is_complex() or value.device.type != "cpu":
            raise ValueError(f"its entry {name[:100]!r} is not a plain tensor")
    return {name: value.detach() for name, value in state.items()}


def _native_names(official: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state dict under this project's names; raises ValueError if the aliases of the inception block differ from it."""
    _check_aliases(official)
    native: dict[str, Tensor] = {}
    backbone: dict[str, Tensor] = {}
    for name, value in official.items():
        prefix = next((prefix for prefix in _DECODER if name.startswith(prefix)), None)
        if prefix is not None:
            native[_DECODER[prefix] + name.removeprefix(prefix)] = value
        elif not name.startswith(_ALIAS):
            backbone[name] = value
    renamed = timm_names(backbone, _stage_lengths())
    return {**native, **{f"backbone.network.{name}": value for name, value in renamed.items()}}


def _check_aliases(official: Mapping[str, Tensor]) -> None:
    aliases = {name.removeprefix(_ALIAS) for name in official if name.startswith(_ALIAS)}
    aliased = {name.removeprefix(_ALIASED) for name in official if name.startswith(_ALIASED)}
    if aliases != aliased:
        raise ValueError(f"entry {min(aliases ^ aliased)!r} is not in both {_ALIAS}* and {_ALIASED}*")
    for name in aliases:
        one, other = official[_ALIAS + name], official[_ALIASED + name]
        if one.shape != other.shape or not bool((one == other).all()):
            raise ValueError(f"{_ALIAS}{name} differs from {_ALIASED}{name}")


def _stage_lengths() -> list[int]:
    """Number of blocks in each stage of the published backbone."""
    with torch.device("meta"):
        return [len(stage) for stage in timm.create_model(PUBLISHED.backbone).blocks]


def _check_finite(state: Mapping[str, Tensor]) -> None:
    broken = next((name for name, value in state.items() if not bool(value.isfinite().all())), None)
    if broken is not None:
        raise ValueError(f"entry {broken!r} has values that are not finite")
