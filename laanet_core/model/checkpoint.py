"""Checkpoints: weights as safetensors, with the parameters of the network in the metadata."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field, FiniteFloat, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from laanet_core.errors import LaanetError
from laanet_core.model.backbone import Normalisation
from laanet_core.model.calibration import FLATTEST, LARGEST_INTERCEPT, STEEPEST, Calibration, Calibrations
from laanet_core.model.laanet import LAANet
from laanet_core.params import ModelParams, Section, describe

# One metadata entry: safetensors writes several in no fixed order, and the file's bytes must be the same each time.
_ENTRY = "laanet"
_PRECISIONS = ({torch.float32}, {torch.float64})
_Deviation = Annotated[FiniteFloat, Field(gt=0)]
MOST_SOURCE = 1000
"""Characters of what a checkpoint says its calibration was fitted on."""


class _Input(Section):
    """Mean and deviation of the input's R, G, B."""

    mean: tuple[FiniteFloat, FiniteFloat, FiniteFloat]
    std: tuple[_Deviation, _Deviation, _Deviation]


class _Calibration(Section):
    """As `Calibration`."""

    slope: float = Field(ge=FLATTEST, le=STEEPEST)
    intercept: float = Field(ge=-LARGEST_INTERCEPT, le=LARGEST_INTERCEPT)


class _Calibrations(Section):
    """As `Calibrations`."""

    temperature: _Calibration
    platt: _Calibration
    source: str = Field(max_length=MOST_SOURCE)
    n_real: int = Field(ge=1)
    n_fake: int = Field(ge=1)


class Description(Section):
    """What a checkpoint says of its network; image_size: pixels of a side of the crops it is for; calibrations: if fitted."""

    model: ModelParams
    image_size: int | None = Field(ge=32, le=4096)
    normalisation: _Input
    calibrations: _Calibrations | None = None


def description_of(model: LAANet) -> str:
    """The network's parameters, image size, normalisation and calibrations as JSON: a `Description`."""
    described = {
        "model": model.params.model_dump(),
        "image_size": model.image_size,
        "normalisation": model.normalisation._asdict(),
        "calibrations": _described(model.calibrations),
    }
    return json.dumps(described, sort_keys=True)


def _described(calibrations: Calibrations | None) -> dict[str, Any] | None:
    if calibrations is None:
        return None
    fitted = {name: getattr(calibrations, name)._asdict() for name in ("temperature", "platt")}
    return {**calibrations._asdict(), **fitted}


def save_model(model: LAANet, path: Path) -> None:
    """Write a network's weights, parameters, image size, normalisation and calibrations; same network, same bytes. Atomic."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    write_atomically(path, save(tensors, metadata={_ENTRY: description_of(model)}))


def load_model(path: str | Path) -> LAANet:
    """Read a network written by `save_model`, in evaluation mode on the CPU, in the precision of the file.

    Nothing larger than the file's own tensors is made. Raises LaanetError when the file is missing, is no checkpoint of this
    project, or does not fit its own parameters.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if _ENTRY not in metadata:
                raise ValueError("its metadata describes no network")
            described = Description.model_validate(json.loads(metadata[_ENTRY]))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        check_entries(tensors, described.model)
        model = _model_of(described).to(_precision(tensors))
        model.load_state_dict(tensors)
    except FileNotFoundError:
        raise LaanetError(f"{path}: not found; train with 'dvc repro train'.") from None
    except (LaanetError, SafetensorError, OSError, LookupError, TypeError, ValueError, RuntimeError) as error:
        reason = describe(error) if isinstance(error, ValidationError) else str(error)
        raise LaanetError(f"{path}: no checkpoint of this project ({brief(reason)}); train again or give another file.") from None
    return model.eval()


def check_entries(tensors: Mapping[str, Tensor], params: ModelParams) -> None:
    """Raise ValueError unless the tensors are the network's entries by name, shape and kind of number; allocates nothing."""
    with torch.device("meta"):
        wanted = LAANet(params).state_dict()
    unknown = next((name for name in tensors if name not in wanted), None)
    if unknown is not None:
        raise ValueError(f"the network has no entry {unknown!r}")
    for name, entry in wanted.items():
        if name not in tensors:
            raise ValueError(f"entry {name!r} is missing")
        found = tensors[name]
        if found.shape != entry.shape or found.is_floating_point() != entry.is_floating_point():
            raise ValueError(f"entry {name!r} is {found.dtype} {tuple(found.shape)}, the network's is {entry.dtype} {tuple(entry.shape)}")


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all; raises LaanetError where it cannot be."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise LaanetError(f"{path}: cannot be written ({error.strerror}); give another place.") from None


def _precision(tensors: Mapping[str, Tensor]) -> torch.dtype:
    found = {tensor.dtype for tensor in tensors.values() if tensor.is_floating_point()}
    if found not in _PRECISIONS:
        raise ValueError(f"its weights are {', '.join(sorted(map(str, found)))}, not all float32 or all float64")
    return found.pop()


def _model_of(described: Description) -> LAANet:
    """The untrained network that a checkpoint's metadata describes."""
    model = LAANet(described.model, described.image_size)
    model.normalisation = Normalisation(described.normalisation.mean, described.normalisation.std)
    model.calibrations = _calibrations_of(described.calibrations) if described.calibrations else None
    return model


def _calibrations_of(described: _Calibrations) -> Calibrations:
    temperature, platt = (Calibration(part.slope, part.intercept) for part in (described.temperature, described.platt))
    return Calibrations(temperature, platt, described.source, described.n_real, described.n_fake)


def brief(reason: str) -> str:
    """A library's message as part of a sentence: one line, 200 characters at most, no full stop."""
    return " ".join(reason.split())[:200].rstrip(".")
