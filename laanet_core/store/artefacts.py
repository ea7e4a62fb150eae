"""Which artefacts have accounts (provenance records), and how to read them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from laanet_core.errors import LaanetError
from laanet_core.store.account import ENTRY, FOLDER_ACCOUNT, Account

NETWORK = "network"
"""Key in a scoring.json of the account of the network that produced the scores."""
MEMBERS = {
    "data/frames/*": FOLDER_ACCOUNT, "data/crops/*": FOLDER_ACCOUNT, "data/landmarks/*.h5": "", "data/quality/*.json": "",
    "data/checkpoints": "model.safetensors", "data/checkpoints/*.safetensors": "", "data/evaluation/*": "scoring.json",
    "reports/training/made.json": "", "reports/robustness.json": "", "reports/*/scoring.json": "",
}  # fmt: skip
"""Path pattern of an output with an account -> name of the file in that folder that holds it; empty if the output itself holds it."""


def account_member(output: str) -> str | None:
    """Return the file name in an output folder that holds its account, empty if the output itself does, None if it has no account."""
    return next((member for pattern, member in MEMBERS.items() if PurePath(output).match(pattern)), None)


def read_account(path: Path, entry: str = ENTRY, suffix: str | None = None) -> Account | None:
    """Read the account in a checkpoint, an HDF5 file or a JSON file; None if the file has no account.

    entry: key of the account; suffix: file format, if it differs from the suffix of the name. Raises LaanetError if the file is missing
    or cannot be read.
    """
    try:
        found = _entries(path, path.suffix if suffix is None else suffix).get(entry)
        return None if found is None else Account.parse(found)
    except FileNotFoundError:
        raise LaanetError(f"{path}: not found; build it with 'dvc repro'.") from None
    except (OSError, ValueError) as error:
        raise LaanetError(f"{path}: cannot be read ({error}); remove it and run 'dvc repro'.") from None


def _entries(path: Path, suffix: str) -> Mapping[str, Any]:
    """Read the metadata of a file. Libraries are imported only for the formats that need them."""
    if suffix == ".h5":
        import h5py

        with h5py.File(path, "r") as file:
            return {name: json.loads(value) for name, value in file.attrs.items()}
    if suffix == ".safetensors":
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="np") as file:
                loaded = json.loads((file.metadata() or {}).get("laanet", "{}"))
        except SafetensorError as error:
            raise ValueError(str(error)) from None
    else:
        loaded = json.loads(path.read_text())
    return loaded if isinstance(loaded, dict) else {}
