"""Checkpoints: weights as safetensors, with the parameters of the network in the metadata."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from laanet_core.errors import LaanetError
from laanet_core.model.backbone import Normalisation
from laanet_core.model.laanet import LAANet
from laanet_core.params import ModelParams

# One metadata entry: safetensors writes several in no fixed order, and the file's bytes must be the same each time.
_ENTRY = "laanet"


def save_model(model: LAANet, path: Path) -> None:
    """Write a network's weights, parameters, image size and normalisation; same network, same bytes. Atomic."""
    described = {"model": model.params.model_dump(), "image_size": model.image_size, "normalisation": model.normalisation._asdict()}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(save(tensors, metadata={_ENTRY: json.dumps(described, sort_keys=True)}))
    os.replace(temporary, path)


def load_model(path: Path) -> LAANet:
    """Read a network written by `save_model`, in evaluation mode on the CPU.

    Raises LaanetError when the file is missing, is no checkpoint of this project, or does not fit its own parameters.
    """
    try:
        with safe_open(path, framework="pt") as file:
            described = json.loads((file.metadata() or {})[_ENTRY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        model = _model_of(described)
        model.load_state_dict(tensors)
    except FileNotFoundError:
        raise LaanetError(f"{path}: not found; train with 'dvc repro train'.") from None
    except (SafetensorError, LookupError, TypeError, ValueError, ValidationError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise LaanetError(f"{path}: no checkpoint of this project ({reason}); train again or give another file.") from None
    return model.eval()


def _model_of(described: dict[str, Any]) -> LAANet:
    """The untrained network that a checkpoint's metadata describes."""
    model = LAANet(ModelParams.model_validate(described["model"]), described["image_size"])
    mean, std = ([float(value) for value in described["normalisation"][key]] for key in Normalisation._fields)
    model.normalisation = Normalisation((mean[0], mean[1], mean[2]), (std[0], std[1], std[2]))
    return model
