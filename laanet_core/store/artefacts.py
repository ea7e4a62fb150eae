"""Which artefacts have accounts, and how they are read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from laanet_core.errors import LaanetError
from laanet_core.store.account import ENTRY, FOLDER_ACCOUNT, Account

NETWORK = "network"
"""Entry of a scoring.json with the account of the network that scored."""
MEMBERS = {
    "data/frames/*": FOLDER_ACCOUNT, "data/crops/*": FOLDER_ACCOUNT, "data/landmarks/*.h5": "", "data/quality/*.json": "",
    "data/checkpoints": "model.safetensors", "data/checkpoints/*.safetensors": "", "data/evaluation/*": "scoring.json",
    "reports/training/made.json": "", "reports/robustness.json": "", "reports/*/scoring.json": "",
}  # fmt: skip
"""Outputs with accounts, as patterns of their paths in a project -> the file that has it: one of a folder, or the output itself."""


def account_member(output: str) -> str | None:
    """The file of an output that has its account: a name in a folder, or empty for the output itself; None where it has none."""
    return next((member for pattern, member in MEMBERS.items() if PurePath(output).match(pattern)), None)


def read_account(path: Path, entry: str = ENTRY, suffix: str | None = None) -> Account | None:
    """The account in a checkpoint, an HDF5 file or a JSON file; None where it has none.

    entry: where a JSON file has it; suffix: kind of file, where its name does not say it. Raises LaanetError when the file is missing or
    cannot be read.
    """
    try:
        found = _entries(path, path.suffix if suffix is None else suffix).get(entry)
        return None if found is None else Account.parse(found)
    except FileNotFoundError:
        raise LaanetError(f"{path}: not found; build it with 'dvc repro'.") from None
    except (OSError, ValueError) as error:
        raise LaanetError(f"{path}: cannot be read ({error}); remove it and run 'dvc repro'.") from None


def _entries(path: Path, suffix: str) -> Mapping[str, Any]:
    """What a file says of itself; the libraries are imported for those who read such files."""
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
