"""Weights that are not part of a Python package: from timm's hub, torch's hub, or a local file of the user."""

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
    """Write the weights of `name` to `folder`; return the text of SOURCE.txt with their origin.

    name: `retinaface_resnet50` (-> retinaface_resnet50.pth) or a timm backbone (-> weights.safetensors);
    given: local file of the user. Raises LaanetError if the weights cannot be obtained.
    """
    if name == RESNET50:
        path, source = folder / f"{RESNET50}.pth", "retinaface-pytorch 0.0.6, release resnet50_2020-07-20"
        _save_pth(_load(given) if given else _resnet50_weights(), path)
    else:
        path = folder / "weights.safetensors"
        source = _save_backbone(name, given, path)
    return f"file: {path.name}\nsource: {source}\nsha256: {file_digest(path)}\n"


def _save_backbone(name: str, given: Path | None, path: Path) -> str:
    """Save the state dictionary of a timm backbone as safetensors; return its source and licence."""
    from safetensors.torch import save

    if not _is_timm_name(name):
        raise LaanetError(f"model.backbone: '{name}' is not a timm network; see timm.list_models().")
    state = _load(given) if given else _timm_weights(name)
    write_bytes(path, save({key: value.contiguous() for key, value in state.items()}))
    return f"timm {name}" + _licence(name)


def _is_timm_name(name: str) -> bool:
    """Return whether timm has a network of this name."""
    import timm

    return bool(timm.is_model(name.partition(".")[0]))


def _licence(name: str) -> str:
    """Return the licence that timm states for pretrained weights, preceded by a comma; empty if it states none."""
    import timm

    config = timm.models.get_pretrained_cfg(name)
    return f", {config.license}" if config is not None and config.license else ""


def _timm_weights(name: str) -> dict[str, Any]:
    """Download the state dictionary of a pretrained network from timm's hub."""
    import timm

    try:
        state: dict[str, Any] = timm.create_model(name, pretrained=True).state_dict()
    except (OSError, RuntimeError) as error:
        raise LaanetError(f"weights of '{name}' could not be downloaded from timm's hub ({_first_line(error)}); {remedy(name)}.") from None
    return state


def _resnet50_weights() -> dict[str, Any]:
    """Download retinaface-pytorch's ResNet50 from the URL in that library; torch checks it against the digest in the file name."""
    import torch
    from retinaface.pre_trained_models import models

    url = models[RESNET50_RELEASE].url
    try:
        state: dict[str, Any] = torch.hub.load_state_dict_from_url(url, map_location="cpu", check_hash=True, weights_only=True)
    except (OSError, RuntimeError, pickle.UnpicklingError) as error:
        raise LaanetError(f"{RESNET50}.pth could not be downloaded from {url} ({_first_line(error)}); {remedy(RESNET50)}.") from None
    return state


def _load(path: Path) -> dict[str, Any]:
    """Load a state dictionary from a safetensors file or a PyTorch file, possibly inside a zip; arbitrary pickles are refused."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(_unzipped(path), map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError, SafetensorError) as error:
        raise LaanetError(f"{path}: not a weights file ({_first_line(error)}); give a .safetensors or .pth state dictionary.") from None
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise LaanetError(f"{path}: does not contain a plain state dictionary; give a .safetensors or .pth state dictionary.")
    return state


def _unzipped(path: Path) -> io.BytesIO:
    """Read a file; if it is a zip with a single .pth, as served by torch's hub, read that member."""
    content = path.read_bytes()
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if len(names) == 1 and names[0].endswith(".pth"):
                content = archive.read(names[0])
    return io.BytesIO(content)


def _save_pth(state: dict[str, Any], path: Path) -> None:
    """Save a PyTorch file via memory, because `torch.save` to a path stores the file name in the archive."""
    import torch

    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_bytes(path, buffer.getvalue())


def _first_line(error: Exception) -> str:
    """Return the first line of the message of an error."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
