"""What differs between two sets of parameters, one line each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from laanet_core.store.account import flatten

ABSENT = "not set"


class ParameterChange(NamedTuple):
    """A parameter by its dotted key, with its old and its new value in words; `not set` where there is none."""

    key: str
    old: str
    new: str


def parameter_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[ParameterChange]:
    """The parameters that differ between two nested mappings, lists being values, in the order of the new ones and then of the old."""
    before, after = flatten(old), flatten(new)
    keys = [*after, *(key for key in before if key not in after)]
    differ = [key for key in keys if (key in before) != (key in after) or before[key] != after[key]]
    return [ParameterChange(key, *(_in_words(values[key]) if key in values else ABSENT for values in (before, after))) for key in differ]


def _in_words(value: Any) -> str:
    """JSON, but for plain text."""
    return value if isinstance(value, str) else json.dumps(value, default=str)
