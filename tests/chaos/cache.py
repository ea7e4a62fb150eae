"""Reading of DVC's cache: objects and the run cache."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.helpers.project import Project


def objects(project: Project) -> dict[str, Path]:
    """Map the name of each object in DVC's cache (with suffix `.dir` for folders) to its file."""
    folder = project.root / ".dvc/cache/files/md5"
    return {path.parent.name + path.name: path for path in sorted(folder.glob("??/*")) if len(path.name.removesuffix(".dir")) == 30}


def asset_objects(project: Project) -> set[str]:
    """Return the names of the objects of the downloaded weights."""
    listing = objects(project).get(project.outputs().get("data/assets", ""))
    if listing is None:
        return set()
    try:
        members: list[dict[str, str]] = json.loads(listing.read_text())
    except ValueError:
        return set()
    return {project.outputs()["data/assets"], *(member["md5"] for member in members)}


def wrong_objects(project: Project) -> list[str]:
    """List the names of the objects whose content does not match their name."""
    return [name for name, path in objects(project).items() if md5(path) != name.removesuffix(".dir")]


def run_cache(project: Project) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the path and content of each entry of the run cache; the content is empty if it is unreadable."""
    for path in sorted((project.root / ".dvc/cache/runs").glob("??/*/*")):
        try:
            loaded = yaml.safe_load(path.read_text())
        except yaml.YAMLError:
            loaded = None
        yield path, loaded if isinstance(loaded, dict) else {}


def forget_runs(project: Project, stage: str) -> None:
    """Remove the run-cache entries of a stage, so that it must run, and folders that become empty, which DVC cannot read."""
    script, _, dataset = stage.partition("@")
    command = f"python -m stages.{script} {dataset}".strip()
    for path, entry in list(run_cache(project)):
        if entry.get("cmd") == command:
            path.unlink()
            if not any(path.parent.iterdir()):
                path.parent.rmdir()


def md5(path: Path) -> str:
    """Return the MD5 of a file, by which DVC names it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
