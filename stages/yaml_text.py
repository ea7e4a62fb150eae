"""Formatting of values as in params.yaml."""

from typing import Any

import yaml


def in_yaml(value: Any) -> str:
    """Format a value as YAML on one line."""
    return yaml.safe_dump(value, default_flow_style=True).replace("\n...", "").strip()
