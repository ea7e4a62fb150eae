"""Reference states: records and outputs of an undisturbed run of each variant, which a disturbed project must reproduce."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.chaos.cache import md5
from tests.chaos.variants import Settings
from tests.helpers.project import Project

Locked = dict[str, dict[str, Any]]
UNSTABLE = {"reports/index.html"}
"""Outputs that contain the time and commit of the run: they must exist, but differ between runs."""


@dataclass(frozen=True)
class State:
    """State of an up-to-date project. stages: name -> its record in dvc.lock, as `facts`; files: output -> digest of its current files."""

    stages: Locked
    files: dict[str, str]


def read_state(project: Project) -> State:
    """Read the records and outputs of a project."""
    stages = {name: facts(stage) for name, stage in locked_stages(project).items()}
    paths = sorted(path for stage in stages.values() for path in stage["outs"])
    return State(stages, {path: digest(project.root / path) for path in paths})


def locked_stages(project: Project) -> Locked:
    """Read the stages of dvc.lock."""
    loaded: Locked = yaml.safe_load((project.root / "dvc.lock").read_text())["stages"]
    return loaded


def facts(stage: dict[str, Any]) -> dict[str, Any]:
    """Extract the reproducible part of an entry in dvc.lock or the run cache: command, parameters and hashes."""
    deps, outs = ({item["path"]: item.get("md5", "") for item in stage.get(part) or []} for part in ("deps", "outs"))
    return {
        "cmd": stage.get("cmd"),
        "params": stage.get("params") or {},
        "deps": deps,
        "outs": {path: "" if path in UNSTABLE else value for path, value in outs.items()},
    }


def inputs(entry: dict[str, Any]) -> str:
    """Return a text that identifies everything an entry's outputs depend on."""
    return json.dumps([entry["cmd"], entry["params"], entry["deps"]], sort_keys=True)


def digest(path: Path) -> str:
    """Return the MD5 of a file, a JSON text of all names and MD5s for a folder, `gone` if it is missing."""
    if path.is_dir():
        return json.dumps({str(file.relative_to(path)): md5(file) for file in sorted(path.rglob("*")) if file.is_file()})
    return md5(path) if path.is_file() else "gone"


def undisturbed(project: Project, settings: Settings, variants: list[str], target: list[str]) -> dict[str, State]:
    """Run an undisturbed project with each variant in turn, ending with the first one; return the states."""
    states = {}
    for variant in [*variants[1:], variants[0]]:
        print(f"chaos: undisturbed run of {variant}", flush=True)
        settings.put(project, variant)
        project.dvc("repro", *target)
        states[variant] = read_state(project)
    project.commit()
    return states
