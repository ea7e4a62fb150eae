"""Weights that no package ships: from timm's hub or torch's hub, or a file that the user already has."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

from laanet_core.assets.given import remedy
from laanet_core.errors import LaanetError
from laanet_core.store.digests import file_digest
from laanet_core.store.writing import write_bytes

RESNET50 = "retinaface_resnet50"
RESNET50_RELEASE = "resnet50_2020-07-20"


def fetch_from_hub(name: str, given: Path | None, folder: Path) -> str:
    """Write the weights of `name` into `folder`; return where they come from, as text.

    name: `retinaface_resnet50` (-> retinaface_resnet50.pth) or a timm backbone (-> weights.safetensors);
    given: the user's file for it. Raises LaanetError when the weights cannot be had.
    """
    if name == RESNET50:
        path, source = folder / f"{RESNET50}.pth", "retinaface-pytorch 0.0.6, release resnet50_2020-07-20"
        _save_pth(_load(given) if given else _resnet50_weights(), path)
    else:
        path = folder / "weights.safetensors"
        source = _save_backbone(name, given, path)
    return f"file: {path.name}\nsource: {source}\nsha256: {file_digest(path)}\n"


def _save_backbone(name: str, given: Path | None, path: Path) -> str:
    """Save a timm backbone's state dictionary as safetensors; return its source and licence."""
    from safetensors.torch import save

    if not _is_timm_name(name):
        raise LaanetError(f"model.backbone: '{name}' is not a timm network; see timm.list_models().")
    state = _load(given) if given else _timm_weights(name)
    write_bytes(path, save({key: value.contiguous() for key, value in state.items()}))
    return f"timm {name}" + _licence(name)


def _is_timm_name(name: str) -> bool:
    """Whether timm can build a network of this name."""
    import timm

    return bool(timm.is_model(name.partition(".")[0]))


def _licence(name: str) -> str:
    """The licence that timm states for pretrained weights."""
    import timm

    config = timm.models.get_pretrained_cfg(name)
    return f", {config.license}" if config is not None and config.license else ""


def _timm_weights(name: str) -> dict[str, Any]:
    """State dictionary of timm's pretrained network."""
    import timm

    try:
        state: dict[str, Any] = timm.create_model(name, pretrained=True).state_dict()
    except (OSError, RuntimeError) as error:
        raise LaanetError(
            f"weights of '{name}' were looked for in timm's hub, but could not be downloaded ({_first_line(error)}); {remedy(name)}."
        ) from None
    return state


def _resnet50_weights() -> dict[str, Any]:
    """State dictionary of retinaface-pytorch's ResNet50, from the address that the library carries; its digest is in the file's name."""
    import torch
    from retinaface.pre_trained_models import models

    url = models[RESNET50_RELEASE].url
    try:
        state: dict[str, Any] = torch.hub.load_state_dict_from_url(url, map_location="cpu", check_hash=True, weights_only=True)
    except (OSError, RuntimeError, pickle.UnpicklingError) as error:
        raise LaanetError(
            f"{RESNET50}.pth was looked for in torch's hub at {url}, but could not be had ({_first_line(error)}); {remedy(RESNET50)}."
        ) from None
    return state


def _load(path: Path) -> dict[str, Any]:
    """State dictionary of a user's file: safetensors, or a PyTorch file (also one inside a zip), never a general pickle."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(_unzipped(path), map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError, SafetensorError) as error:
        raise LaanetError(f"{path}: not a file of weights ({_first_line(error)}); give a .safetensors or .pth state dictionary.") from None
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise LaanetError(f"{path}: holds no plain state dictionary; give a .safetensors or .pth state dictionary.")
    return state


def _unzipped(path: Path) -> io.BytesIO:
    """The file's bytes; of a zip that holds nothing but one .pth, as torch's hub serves them, the bytes of that."""
    content = path.read_bytes()
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if len(names) == 1 and names[0].endswith(".pth"):
                content = archive.read(names[0])
    return io.BytesIO(content)


def _save_pth(state: dict[str, Any], path: Path) -> None:
    """Save through memory, so that the file's bytes do not depend on its name."""
    import torch

    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_bytes(path, buffer.getvalue())


def _first_line(error: Exception) -> str:
    """The first line of an error's message."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
