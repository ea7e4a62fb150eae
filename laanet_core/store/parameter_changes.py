"""Differences between two sets of parameters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from laanet_core.store.account import flatten

ABSENT = "not set"


class ParameterChange(NamedTuple):
    """A changed parameter. key: dotted key; old, new: values as text, `not set` if missing."""

    key: str
    old: str
    new: str


def parameter_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[ParameterChange]:
    """List the parameters that differ between two nested mappings, in the order of `new`, then `old`; lists are compared as values."""
    before, after = flatten(old), flatten(new)
    keys = [*after, *(key for key in before if key not in after)]
    changed = [key for key in keys if (key in before) != (key in after) or before[key] != after[key]]
    return [ParameterChange(key, *(_in_words(values[key]) if key in values else ABSENT for values in (before, after))) for key in changed]


def _in_words(value: Any) -> str:
    """Format a value as JSON; strings are returned unchanged."""
    return value if isinstance(value, str) else json.dumps(value, default=str)
