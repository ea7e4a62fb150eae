"""Local files that the user specifies instead of a download, in params.yaml or by environment variables."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from laanet_core.errors import LaanetError


def variable(name: str) -> str:
    """Return the name of the environment variable that specifies the file of an asset."""
    return "LAANET_ASSET_" + re.sub(r"[^A-Za-z0-9]", "_", name).upper()


def given_path(name: str, paths: Mapping[str, str]) -> Path | None:
    """Return the user's file for an asset (`assets.paths.<name>` or environment variable), or None; raises LaanetError if it is missing."""
    for key, text in ((f"assets.paths.{name}", paths.get(name)), (variable(name), os.environ.get(variable(name)))):
        if text:
            if not Path(text).is_file():
                raise LaanetError(f"{key}: '{text}' is not a file; fix the path, or remove it to have the file downloaded.")
            return Path(text)
    return None


def remedy(name: str) -> str:
    """Return how to provide an asset manually, as the end of an error message."""
    return f"download it on another machine and set assets.paths.{name} in params.yaml or {variable(name)} to its path"
