"""Values as a person writes them in params.yaml."""

from typing import Any

import yaml


def in_yaml(value: Any) -> str:
    """A value as YAML has it, on one line."""
    return yaml.safe_dump(value, default_flow_style=True).replace("\n...", "").strip()
