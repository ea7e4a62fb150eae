"""What an artefact says of itself: the parameters, the inputs and the code that made it.

An account stands inside the artefact where its format has room (a checkpoint, an HDF5 file, a shard's note), else in a JSON file of its
stage. Every reader compares it with the parameters at hand, so that a file that was made otherwise is refused, whatever its name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from laanet_core.store.digests import file_digest
from laanet_core.store.writing import write_json

ENTRY = "made"
"""Key of an account in a JSON file or a note."""
FOLDER_ACCOUNT = "made.json"
"""File with the account of the folder that it lies in."""


@dataclass(frozen=True)
class Account:
    """What made an artefact.

    params: dotted key of params.yaml -> JSON value; inputs: name such as `crops/demo` -> SHA-256 (see `input_digest`); code: key of the
    code (`laanet_core.store.code.code_key`); libraries: versions of those that decide about bits.
    """

    params: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    code: str = ""
    libraries: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The account as JSON has it."""
        loaded: dict[str, Any] = json.loads(json.dumps(asdict(self), sort_keys=True))
        return loaded

    @classmethod
    def parse(cls, value: Any) -> Account:
        """The account that `as_json` gave; raises ValueError for anything else."""
        try:
            params, inputs, libraries = (dict(value[name]) for name in ("params", "inputs", "libraries"))
            return cls(params, {str(k): str(v) for k, v in inputs.items()}, str(value["code"]), {k: str(v) for k, v in libraries.items()})
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"it has no account of what made it ({error})") from None


@dataclass(frozen=True)
class Difference:
    """A parameter with which an artefact was made, and what it is now; None where it is not there."""

    key: str
    made: Any
    now: Any


def flatten(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, of dotted keys."""
    return dict(_leaves(value, prefix))


def _leaves(value: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, item in value.items():
        if isinstance(item, Mapping):
            yield from _leaves(item, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", item


def chosen(params: Mapping[str, Any], keys: list[str], without: tuple[str, ...] = ()) -> dict[str, Any]:
    """Those of flat parameters that are one of `keys`, or lie in a section of that name, but for `without`."""
    return {key: value for key, value in params.items() if key not in without and any(is_in(key, name) for name in keys)}


def is_in(key: str, section: str) -> bool:
    """Whether a dotted key is a section's name or lies in that section."""
    return key == section or key.startswith(f"{section}.")


def differences(account: Account, params: Mapping[str, Any]) -> list[Difference]:
    """The parameters of an account that are others now; params: flat, as `flatten` gives them."""
    return [Difference(key, value, params.get(key)) for key, value in sorted(account.params.items()) if params.get(key) != value]


def input_name(path: Path) -> str:
    """What an account calls an artefact under data/: `crops/demo` for data/crops/demo, `landmarks/demo.h5` for data/landmarks/demo.h5."""
    return f"{path.parent.name}/{path.name}"


def input_digest(path: Path) -> str:
    """SHA-256 of what a stage reads: of a file, or of a folder's videos.csv, which has the digest of each shard."""
    return file_digest(path / "videos.csv" if path.is_dir() else path)


def write_account(path: Path, account: Account, **more: Any) -> None:
    """Write an account as a JSON file of its own, `more` beside it."""
    write_json(path, {ENTRY: account.as_json(), **more}, indent=1)
