"""Checkpoints: weights as safetensors, with the network's parameters in the metadata."""

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
from laanet_core.heads.registry import UnknownHeadError
from laanet_core.model.backbone import Normalisation
from laanet_core.model.calibration import FLATTEST, LARGEST_INTERCEPT, STEEPEST, Calibration, Calibrations
from laanet_core.model.laanet import LAANet
from laanet_core.params import ModelParams, Section, describe
from laanet_core.store.account import Account
from laanet_core.store.writing import write_bytes

# A single metadata entry: safetensors writes several in no fixed order, but the bytes of the file must be reproducible.
_ENTRY = "laanet"
_PRECISIONS = ({torch.float32}, {torch.float64})
_Deviation = Annotated[FiniteFloat, Field(gt=0)]
MAX_SOURCE = 1000
"""Maximum number of characters of `Calibrations.source`."""


class _Input(Section):
    """See `Normalisation`."""

    mean: tuple[FiniteFloat, FiniteFloat, FiniteFloat]
    std: tuple[_Deviation, _Deviation, _Deviation]


class _Calibration(Section):
    """See `Calibration`."""

    slope: float = Field(ge=FLATTEST, le=STEEPEST)
    intercept: float = Field(ge=-LARGEST_INTERCEPT, le=LARGEST_INTERCEPT)


class _Calibrations(Section):
    """See `Calibrations`."""

    temperature: _Calibration
    platt: _Calibration
    source: str = Field(max_length=MAX_SOURCE)
    n_real: int = Field(ge=1)
    n_fake: int = Field(ge=1)


class Description(Section):
    """The metadata of a checkpoint.

    image_size: side in pixels of the crops that the network expects; calibrations: those fitted, or None; made: account of the training;
    digest: SHA-256 of everything else in the file. Checkpoints of earlier versions have neither account nor digest.
    """

    model: ModelParams
    image_size: int | None = Field(ge=32, le=4096)
    normalisation: _Input
    calibrations: _Calibrations | None = None
    made: dict[str, Any] | None = None
    digest: str | None = None


def description_of(model: LAANet) -> dict[str, Any]:
    """A network's parameters, image size, normalisation, calibrations and account as JSON: a `Description` without digest."""
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
    """Write a network's weights and its description; the same network gives the same bytes."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    described = description_of(model)
    entry = json.dumps({**described, "digest": _digest(described, tensors)}, sort_keys=True)
    write_bytes(path, save(tensors, metadata={_ENTRY: entry}))


def _digest(described: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of a description and of the names, types, shapes and values of tensors."""
    running = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        running.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        running.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return running.hexdigest()


def load_model(path: str | Path) -> LAANet:
    """Read a network written by `save_model`: in evaluation mode, on the CPU, in the precision of the file.

    Allocates no more memory than the file's tensors need. Raises UnknownHeadError if the network has a head that is not registered, and
    LaanetError if the file is missing, is no checkpoint of this project, or its tensors do not fit its parameters.
    """
    try:
        with safe_open(path, framework="pt") as file:
            entry = _entry(file)
            described = Description.model_validate(entry)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        digest = entry.pop("digest", None)
        if digest is not None and digest != _digest(entry, tensors):
            raise ValueError("it is damaged: its weights or their description differ from those that were written")
        check_entries(tensors, described.model)
        model = _model_of(described).to(_precision(tensors))
        model.load_state_dict(tensors)
    except FileNotFoundError:
        raise LaanetError(f"{path}: not found; train with 'dvc repro train'.") from None
    except UnknownHeadError as error:
        remedy = "call laanet_core.heads.register_head for it before loading"
        raise UnknownHeadError(error.head, f"{path}: its network has the head {error.head!r}, which is not registered; {remedy}.") from None
    except (LaanetError, SafetensorError, OSError, LookupError, TypeError, ValueError, RuntimeError) as error:
        reason = describe(error) if isinstance(error, ValidationError) else str(error)
        raise LaanetError(f"{path}: no checkpoint of this project ({brief(reason)}); train again or give another file.") from None
    return model.eval()


def _entry(file: Any) -> dict[str, Any]:
    """The metadata of an open checkpoint as JSON; raises ValueError if there is none."""
    metadata = file.metadata() or {}
    if _ENTRY not in metadata:
        raise ValueError("its metadata describes no network")
    entry = json.loads(metadata[_ENTRY])
    if not isinstance(entry, dict):
        raise ValueError("its metadata describes no network")
    return entry


def check_entries(tensors: Mapping[str, Tensor], params: ModelParams) -> None:
    """Raise ValueError unless the tensors match the network's state dict in name, shape and kind of number; allocates no memory."""
    with torch.device("meta"):
        expected = LAANet(params).state_dict()
    unknown = next((name for name in tensors if name not in expected), None)
    if unknown is not None:
        raise ValueError(f"the network has no entry {unknown!r}")
    for name, entry in expected.items():
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
    """The network that a checkpoint's metadata describes, with random weights."""
    model = LAANet(described.model, described.image_size)
    model.normalisation = Normalisation(described.normalisation.mean, described.normalisation.std)
    model.calibrations = _calibrations_of(described.calibrations) if described.calibrations else None
    model.made = None if described.made is None else Account.parse(described.made)
    return model


def _calibrations_of(described: _Calibrations) -> Calibrations:
    temperature, platt = (Calibration(part.slope, part.intercept) for part in (described.temperature, described.platt))
    return Calibrations(temperature, platt, described.source, described.n_real, described.n_fake)


def brief(reason: str) -> str:
    """Shorten a message for use within a sentence: one line, at most 200 characters, no full stop."""
    return " ".join(reason.split())[:200].rstrip(".")
