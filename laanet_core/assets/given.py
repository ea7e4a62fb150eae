"""Files that the user gives instead of a download: in params.yaml or by the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from laanet_core.errors import LaanetError


def variable(name: str) -> str:
    """The environment variable that gives an asset's file."""
    return "LAANET_ASSET_" + re.sub(r"[^A-Za-z0-9]", "_", name).upper()


def given_path(name: str, paths: Mapping[str, str]) -> Path | None:
    """The user's file for an asset, by `assets.paths.<name>` or the environment, or None; raises LaanetError when it is not there."""
    for key, text in ((f"assets.paths.{name}", paths.get(name)), (variable(name), os.environ.get(variable(name)))):
        if text:
            if not Path(text).is_file():
                raise LaanetError(f"{key}: '{text}' is not a file; mend the path, or remove it to have the file fetched.")
            return Path(text)
    return None


def remedy(name: str) -> str:
    """How to give a file by hand, as the end of an error's sentence."""
    return f"get it on another machine and give its path as assets.paths.{name} in params.yaml or in {variable(name)}"
