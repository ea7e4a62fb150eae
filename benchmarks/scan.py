"""Measure the cost of a data set of 5,000 videos if nothing has changed: `make bench-scan`, or `python -m benchmarks.scan --help`.

A copy of the project gets a data set of 5,000 real videos with one face and one frame each, and is brought up to date up to the
Mask-SSIM: DVC then tracks 5,000 shards of frames and 5,000 of crops. Training and the later stages are declared done (`dvc commit`), so
that `dvc repro` checks the complete pipeline. Then these are measured, interleaved: `dvc repro` in this project and in a project with one
trivial stage, `dvc repro` of one stage (`train`), and the scan of the index; with Python's compiled modules kept (the default), and without
(PYTHONDONTWRITEBYTECODE), where half of the time of an empty `dvc repro` is spent on compiling DVC.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
import yaml

from benchmarks.machine import describe_machine
from laanet_core.store.work_dir import work_root
from tests.helpers.project import SMALL, Project
from tests.helpers.videos import write_video

RESULTS = Path(__file__).parent / "results"
NAME = "mine"
DONE = ("train", "evaluate", "report")
MODULES = {"compiled_modules_kept": {}, "compiled_modules_not_kept": {"PYTHONDONTWRITEBYTECODE": "1"}}
PORTRAIT = np.ascontiguousarray(np.asarray(skimage.data.astronaut())[20:228, 120:328])
"""A photograph of a face (public domain)."""
CHANGE = {
    **SMALL,
    "datasets": {NAME: {"root": "data/raw/mine"}},
    "demo.enabled": False,
    "frames.minimum": 1,
    "train.dataset": NAME,
}


def main() -> None:
    """Measure, print and write the results."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="bench-scan.") as folder:
        report = measure(Path(folder), options)
    report = {"machine": describe_machine("cpu"), "videos": options.videos, "rounds": options.rounds, **report}
    print(json.dumps(report, indent=1))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "scan.json").write_text(json.dumps(report, indent=1) + "\n")


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Seconds of each command, and the ratio of the two `dvc repro`, with and without compiled modules."""
    empty, project = empty_project(folder / "empty"), full_project(folder / "full", options.videos)
    first = _seconds(lambda: _scan(project))
    _tell("frames, crops, landmarks and quality of all videos: takes minutes, once")
    work = _seconds(lambda: project.dvc("repro", f"quality@{NAME}"))
    declare_done(project)
    left = project.dvc("status", "--json").splitlines()[-1]
    shards = {step: sum(1 for _ in (project.root / "data" / step / NAME).rglob("*.tar")) for step in ("frames", "crops")}
    found = {"shards": shards, "status_before": left, "first_scan_s": round(first, 2), "first_repro_s": round(work, 1)}
    return found | {way: nothing_to_do(empty, project, way, options.rounds) for way in MODULES}


def nothing_to_do(empty: Project, project: Project, way: str, rounds: int) -> dict[str, Any]:
    """Median seconds of each command, interleaved, and the median ratio of the two `dvc repro`."""
    for one in (empty, project):
        one.environment.pop("PYTHONDONTWRITEBYTECODE", None)
        one.environment |= MODULES[way] | {"PYTHONPYCACHEPREFIX": str(project.root.parent / "pycache" / way)}
    commands: dict[str, Callable[[], str]] = {
        "repro": lambda: project.dvc("repro"),
        "repro_empty": lambda: empty.dvc("repro"),
        "rescan": lambda: _scan(project),
        "repro_of_one_stage": lambda: project.dvc("repro", "--single-item", DONE[0]),
    }
    seconds: dict[str, list[float]] = defaultdict(list)
    for number in range(-1, rounds):  # the first one is a warm-up
        _tell(f"{way}, round {number + 1} of {rounds}")
        for name, command in commands.items():
            seconds[name] += [_seconds(command)] * (number >= 0)
    ratio = statistics.median(a / b for a, b in zip(seconds["repro"], seconds["repro_empty"], strict=True))
    return {name: round(statistics.median(values), 3) for name, values in seconds.items()} | {"ratio_to_empty": round(ratio, 2)}


def empty_project(root: Path) -> Project:
    """A DVC project with one trivial stage, up to date."""
    root.mkdir(parents=True)
    project = Project(root)
    project.run("git", "init", "--quiet")
    project.dvc("init", "--quiet")
    (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"one": {"cmd": "echo 1 > one", "outs": ["one"]}}}))
    project.dvc("config", "core.analytics", "false")
    project.dvc("config", "core.check_update", "false")
    project.dvc("repro")
    project.commit()
    return project


def full_project(root: Path, count: int) -> Project:
    """A copy of this project whose data set has `count` videos that differ in their last bytes."""
    root.mkdir(parents=True)
    project = Project.create(root, CHANGE)
    raw = root / CHANGE["datasets"][NAME]["root"] / "real"
    raw.mkdir(parents=True)
    content = write_video(root.parent / "one.mp4", [PORTRAIT]).read_bytes()
    for number in range(count):
        (raw / f"{number:05d}.mp4").write_bytes(content + b"\0\0\0\x10free" + number.to_bytes(8))
    assets = work_root() / "assets"
    if assets.is_dir():
        shutil.copytree(assets, root / ".work" / "assets")
    return project


def declare_done(project: Project) -> None:
    """Commit training, evaluation and report in DVC as done, with a placeholder file for each of their outputs."""
    stages = {name: stage for name, stage in _resolved(project).items() if name.partition("@")[0] in DONE}
    for stage in stages.values():
        for path in stage:
            target = project.root / path if Path(path).suffix else project.root / path / "model.safetensors"
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                target.write_text("{}")
    project.dvc("commit", "--force", *stages)


def _resolved(project: Project) -> dict[str, list[str]]:
    """Map each stage name to its outputs, as DVC resolves them."""
    listed = project.run(sys.executable, "-c", _LIST_OUTPUTS)
    found: dict[str, list[str]] = json.loads(listed.splitlines()[-1])
    return found


_LIST_OUTPUTS = """
import json
from dvc.repo import Repo
print(json.dumps({stage.addressing: [str(out.def_path) for out in stage.outs] for stage in Repo().index.stages}))
"""


def _scan(project: Project) -> str:
    return project.run(sys.executable, "-m", "stages.index", NAME)


def _seconds(command: Callable[[], object]) -> float:
    """Wall-clock seconds of a command."""
    before = time.perf_counter()
    command()
    return time.perf_counter() - before


def _tell(what: str) -> None:
    print(f"bench-scan: {what}", file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the seconds of a rescan and of a dvc repro with nothing to do.")
    parser.add_argument("--videos", type=int, default=5000, help="videos of the data set (5000)")
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds (5)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
