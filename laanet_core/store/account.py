"""Accounts: provenance records that state which parameters, inputs and code produced an artefact.

An account is stored inside the artefact if the file format allows metadata (checkpoints, HDF5 files, notes of shards), otherwise in a JSON
file written by the same stage. Every reader compares it with the current parameters, so that a file produced with other parameters is
refused, whatever its name.
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
"""Key under which a JSON file or a note of a shard holds an account."""
FOLDER_ACCOUNT = "made.json"
"""Name of the file that holds the account of its folder."""


@dataclass(frozen=True)
class Account:
    """Provenance record of an artefact.

    params: dotted key of params.yaml -> JSON value; inputs: name such as `crops/demo` -> SHA-256 (see `input_digest`); code: key of the
    code (`laanet_core.store.code.code_key`); libraries: name -> version of the libraries that affect the result bit for bit.
    """

    params: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    code: str = ""
    libraries: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the account as a JSON-compatible dictionary."""
        loaded: dict[str, Any] = json.loads(json.dumps(asdict(self), sort_keys=True))
        return loaded

    @classmethod
    def parse(cls, value: Any) -> Account:
        """Restore an account from the result of `as_json`; raises ValueError for any other value."""
        try:
            params, inputs, libraries = (dict(value[name]) for name in ("params", "inputs", "libraries"))
            return cls(params, {str(k): str(v) for k, v in inputs.items()}, str(value["code"]), {k: str(v) for k, v in libraries.items()})
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"malformed provenance record: {error}") from None


@dataclass(frozen=True)
class Difference:
    """A parameter whose value changed. made: value with which the artefact was produced; now: current value, None if it is not set."""

    key: str
    made: Any
    now: Any


def flatten(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested mappings into one with dotted keys."""
    return dict(_leaves(value, prefix))


def _leaves(value: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, item in value.items():
        if isinstance(item, Mapping):
            yield from _leaves(item, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", item


def chosen(params: Mapping[str, Any], keys: list[str], without: tuple[str, ...] = ()) -> dict[str, Any]:
    """Select from flat parameters those named by `keys` (parameters or whole sections), except those in `without`."""
    return {key: value for key, value in params.items() if key not in without and any(is_in(key, name) for name in keys)}


def is_in(key: str, section: str) -> bool:
    """Return whether a dotted key is the section itself or belongs to it."""
    return key == section or key.startswith(f"{section}.")


def differences(account: Account, params: Mapping[str, Any]) -> list[Difference]:
    """List the parameters of an account whose current value differs. params: current parameters, as returned by `flatten`."""
    return [Difference(key, value, params.get(key)) for key, value in sorted(account.params.items()) if params.get(key) != value]


def input_name(path: Path) -> str:
    """Name of an artefact in accounts: `crops/demo` for data/crops/demo, `landmarks/demo.h5` for data/landmarks/demo.h5."""
    return f"{path.parent.name}/{path.name}"


def input_digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of the videos.csv of a folder, which lists the digest of each shard."""
    return file_digest(path / "videos.csv" if path.is_dir() else path)


def write_account(path: Path, account: Account, **more: Any) -> None:
    """Write an account to a JSON file, with additional top-level entries `more`."""
    write_json(path, {ENTRY: account.as_json(), **more}, indent=1)
