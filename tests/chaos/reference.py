"""What an undisturbed run of each variant records and writes: the hashes that a disturbed project must come to."""

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
"""Outputs that say when and of which commit they were made: they must be there, but are not the same twice."""


@dataclass(frozen=True)
class State:
    """A project up to date. stages: name -> what dvc.lock has of it, in `facts`; files: output -> digest of its files as they are."""

    stages: Locked
    files: dict[str, str]


def read_state(project: Project) -> State:
    """What a project records, and what lies there."""
    stages = {name: facts(stage) for name, stage in locked_stages(project).items()}
    paths = sorted(path for stage in stages.values() for path in stage["outs"])
    return State(stages, {path: digest(project.root / path) for path in paths})


def locked_stages(project: Project) -> Locked:
    """The stages of dvc.lock."""
    loaded: Locked = yaml.safe_load((project.root / "dvc.lock").read_text())["stages"]
    return loaded


def facts(stage: dict[str, Any]) -> dict[str, Any]:
    """What of an entry in dvc.lock or the run cache must be the same for the same inputs: the command, parameters, and hashes."""
    deps, outs = ({item["path"]: item.get("md5", "") for item in stage.get(part) or []} for part in ("deps", "outs"))
    return {
        "cmd": stage.get("cmd"),
        "params": stage.get("params") or {},
        "deps": deps,
        "outs": {path: "" if path in UNSTABLE else value for path, value in outs.items()},
    }


def inputs(entry: dict[str, Any]) -> str:
    """One text for all that an entry's outputs are made of."""
    return json.dumps([entry["cmd"], entry["params"], entry["deps"]], sort_keys=True)


def digest(path: Path) -> str:
    """Of a file its MD5, of a folder that of the names and MD5s of all files in it; `gone` where there is none."""
    if path.is_dir():
        return json.dumps({str(file.relative_to(path)): md5(file) for file in sorted(path.rglob("*")) if file.is_file()})
    return md5(path) if path.is_file() else "gone"


def undisturbed(project: Project, settings: Settings, variants: list[str], target: list[str]) -> dict[str, State]:
    """Bring a project that nothing else touches up to date with each variant in turn; the last is the first, which it is left at."""
    states = {}
    for variant in [*variants[1:], variants[0]]:
        print(f"chaos: undisturbed run of {variant}", flush=True)
        settings.put(project, variant)
        project.dvc("repro", *target)
        states[variant] = read_state(project)
    project.commit()
    return states
