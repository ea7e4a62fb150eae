"""DVC's cache, read from its files: objects, and the run cache."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.helpers.project import Project


def objects(project: Project) -> dict[str, Path]:
    """Name of each of DVC's objects, with `.dir` where it has it -> its file."""
    folder = project.root / ".dvc/cache/files/md5"
    return {path.parent.name + path.name: path for path in sorted(folder.glob("??/*")) if len(path.name.removesuffix(".dir")) == 30}


def asset_objects(project: Project) -> set[str]:
    """Names of the objects of the fetched weights."""
    listing = objects(project).get(project.outputs().get("data/assets", ""))
    if listing is None:
        return set()
    try:
        members: list[dict[str, str]] = json.loads(listing.read_text())
    except ValueError:
        return set()
    return {project.outputs()["data/assets"], *(member["md5"] for member in members)}


def wrong_objects(project: Project) -> list[str]:
    """Names of the objects whose bytes are not what their name says."""
    return [name for name, path in objects(project).items() if md5(path) != name.removesuffix(".dir")]


def run_cache(project: Project) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Each entry of the run cache, and what it says; one that is not to be read says nothing."""
    for path in sorted((project.root / ".dvc/cache/runs").glob("??/*/*")):
        try:
            loaded = yaml.safe_load(path.read_text())
        except yaml.YAMLError:
            loaded = None
        yield path, loaded if isinstance(loaded, dict) else {}


def forget_runs(project: Project, stage: str) -> None:
    """Remove what the run cache has of a stage, so that it must run; with the folders, as DVC cannot read one that is empty."""
    script, _, dataset = stage.partition("@")
    command = f"python -m stages.{script} {dataset}".strip()
    for path, said in list(run_cache(project)):
        if said.get("cmd") == command:
            path.unlink()
            if not any(path.parent.iterdir()):
                path.parent.rmdir()


def md5(path: Path) -> str:
    """MD5 of a file, as DVC names it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
