"""Checkpoints: weights as safetensors, with the parameters of the network in the metadata."""

from __future__ import annotations

import hashlib
import json
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
from laanet_core.store.account import Account
from laanet_core.store.writing import write_bytes

# One metadata entry: safetensors writes several in no fixed order, and the file's bytes must be the same each time.
_ENTRY = "laanet"
_PRECISIONS = ({torch.float32}, {torch.float64})
_Deviation = Annotated[FiniteFloat, Field(gt=0)]
MAX_SOURCE = 1000
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
    source: str = Field(max_length=MAX_SOURCE)
    n_real: int = Field(ge=1)
    n_fake: int = Field(ge=1)


class Description(Section):
    """What a checkpoint says of its network; image_size: pixels of a side of the crops it is for; calibrations: if fitted.

    made: the account of its training; digest: SHA-256 of all the rest of the file. Checkpoints of earlier versions have neither.
    """

    model: ModelParams
    image_size: int | None = Field(ge=32, le=4096)
    normalisation: _Input
    calibrations: _Calibrations | None = None
    made: dict[str, Any] | None = None
    digest: str | None = None


def description_of(model: LAANet) -> dict[str, Any]:
    """The network's parameters, image size, normalisation, calibrations and account as JSON: a `Description` without digest."""
    return {
        "model": model.params.model_dump(),
        "image_size": model.image_size,
        "normalisation": model.normalisation._asdict(),
        "calibrations": _described(model.calibrations),
        "made": model.made and model.made.as_json(),
    }


def _described(calibrations: Calibrations | None) -> dict[str, Any] | None:
    if calibrations is None:
        return None
    fitted = {name: getattr(calibrations, name)._asdict() for name in ("temperature", "platt")}
    return {**calibrations._asdict(), **fitted}


def save_model(model: LAANet, path: Path) -> None:
    """Write a network's weights, and what `description_of` says of it; same network, same bytes."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    described = description_of(model)
    entry = json.dumps({**described, "digest": _digest(described, tensors)}, sort_keys=True)
    write_bytes(path, save(tensors, metadata={_ENTRY: entry}))


def _digest(described: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of a description and of the names, types, shapes and bytes of tensors."""
    running = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        running.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        running.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return running.hexdigest()


def load_model(path: str | Path) -> LAANet:
    """Read a network written by `save_model`, in evaluation mode on the CPU, in the precision of the file.

    Nothing larger than the file's own tensors is made. Raises LaanetError when the file is missing, is no checkpoint of this
    project, or does not fit its own parameters.
    """
    try:
        with safe_open(path, framework="pt") as file:
            entry = _entry(file)
            described = Description.model_validate(entry)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        check_entries(tensors, described.model)
        digest = entry.pop("digest", None)
        if digest is not None and digest != _digest(entry, tensors):
            raise ValueError("it is damaged: its weights or their description are not those that were written")
        model = _model_of(described).to(_precision(tensors))
        model.load_state_dict(tensors)
    except FileNotFoundError:
        raise LaanetError(f"{path}: not found; train with 'dvc repro train'.") from None
    except (LaanetError, SafetensorError, OSError, LookupError, TypeError, ValueError, RuntimeError) as error:
        reason = describe(error) if isinstance(error, ValidationError) else str(error)
        raise LaanetError(f"{path}: no checkpoint of this project ({brief(reason)}); train again or give another file.") from None
    return model.eval()


def _entry(file: Any) -> dict[str, Any]:
    """The metadata of an open checkpoint."""
    metadata = file.metadata() or {}
    if _ENTRY not in metadata:
        raise ValueError("its metadata describes no network")
    entry = json.loads(metadata[_ENTRY])
    if not isinstance(entry, dict):
        raise ValueError("its metadata describes no network")
    return entry


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
    model.made = None if described.made is None else Account.parse(described.made)
    return model


def _calibrations_of(described: _Calibrations) -> Calibrations:
    temperature, platt = (Calibration(part.slope, part.intercept) for part in (described.temperature, described.platt))
    return Calibrations(temperature, platt, described.source, described.n_real, described.n_fake)


def brief(reason: str) -> str:
    """A library's message as part of a sentence: one line, 200 characters at most, no full stop."""
    return " ".join(reason.split())[:200].rstrip(".")
