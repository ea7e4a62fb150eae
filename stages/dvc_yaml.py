"""Definitions of stages in dvc.yaml, with `${...}` substituted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from laanet_core.errors import LaanetError
from laanet_core.store.account import flatten
from laanet_core.store.yaml_io import read_yaml


class Stage(NamedTuple):
    """A stage of dvc.yaml. deps, outs: paths; params: keys of params.yaml; persistent: outs kept if not written again; uncached: outs
    tracked by git instead of DVC."""

    deps: list[str]
    params: list[str]
    outs: list[str]
    persistent: list[str]
    uncached: list[str]


def read_stage(name: str, dataset: str | None, params: Mapping[str, Any], path: Path = Path("dvc.yaml")) -> Stage:
    """Read the definition of a stage. dataset: its data set, None for stages without; params: content of params.yaml.

    Raises LaanetError if dvc.yaml is missing or malformed, or has no such stage.
    """
    try:
        definition = read_yaml(path)["stages"][name]
        if dataset is not None:
            definition = definition["do"]
        fields = [_paths(definition.get(part, [])) for part in ("deps", "params")]
        entries = [entry for part in ("outs", "metrics", "plots") for entry in definition.get(part, [])]
        options = [({}, entry) if isinstance(entry, str) else (next(iter(entry.values())), entry) for entry in entries]
        persistent = [entry for option, entry in options if option.get("persist")]
        uncached = [entry for option, entry in options if not option.get("cache", True)]
        values = {**flatten(params), "key": dataset}
        return Stage(*([_substitute(text, values) for text in texts] for texts in (*fields, *map(_paths, (entries, persistent, uncached)))))
    except FileNotFoundError:
        raise LaanetError(f"{path}: not found; run from the project's root.") from None
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise LaanetError(f"{path}: stage '{name}' is missing or malformed ({error}); restore it with 'git checkout {path}'.") from None


def stage_names(path: Path = Path("dvc.yaml")) -> list[str]:
    """List the stages that depend on their `code_file`; the other stages always run."""
    stages = read_yaml(path)["stages"]
    return [name for name, stage in stages.items() if code_file(name) in stage.get("do", stage).get("deps", [])]


def code_file(stage: str) -> str:
    """Return the path of the file with the version of a stage's code."""
    return f"data/code/{stage}.json"


def _paths(entries: Iterable[str | Mapping[str, Any]]) -> list[str]:
    """Return the paths of entries, each of which is a path or maps a path to its options."""
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]


def _substitute(text: str, values: Mapping[str, Any]) -> str:
    return re.sub(r"\$\{([^}]+)\}", lambda match: str(values[match[1]]), text)
