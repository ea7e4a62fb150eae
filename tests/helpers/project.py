"""A copy of this project in its own folder, operated through dvc as by a user."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.helpers.paths import ROOT
from tests.helpers.pause import Pause

SMALL: dict[str, Any] = {
    "demo.seconds": 0.5,
    "frames.count": {"train": 3, "val": 3, "test": 3},
    "crops.size": 64,
    "model.pretrained": False,
    "train.epochs": 2,
    "train.frames_per_epoch": 2,
    "train.batch_size": 8,
    "train.save_every": 1,
    "evaluate.bootstrap": 50,
    "evaluate.gallery": 4,
    "robustness.corruptions": ["saturation", "noise"],
    "robustness.severities": [3],
    "robustness.frames": 2,
}


class Project:
    """A project folder under git and DVC."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "DVC_SITE_CACHE_DIR": str(root.parent / "dvc-site-cache"),
            "DVC_GLOBAL_CONFIG_DIR": str(root.parent / "dvc-config"),
            "DVC_NO_ANALYTICS": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "LAANET_WORK": str(root / ".work"),
            "COLUMNS": "200",
        }
        for identity in ("AUTHOR", "COMMITTER"):
            self.environment |= {f"GIT_{identity}_NAME": "Test", f"GIT_{identity}_EMAIL": "test@localhost"}

    @classmethod
    def create(cls, root: Path, change: dict[str, Any]) -> Project:
        """Copy the files that git tracks or would add, set parameters, commit."""
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
        )
        for name in listed.stdout.decode().split("\0"):
            if name and (ROOT / name).exists() and name != "dvc.lock":
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, root / name)
        project = cls(root)
        project.set(change)
        project.run("git", "init", "--quiet")
        project.commit()
        return project

    def copy(self, root: Path) -> Project:
        """Copy the project to another folder, with its internal hard links."""
        subprocess.run(["cp", "-a", "--reflink=auto", self.root, root], check=True)
        return Project(root)

    def run(self, *command: str, succeeds: bool = True) -> str:
        """Output (both streams) of a command in the project; fails the test if its exit status is not the expected one."""
        done = subprocess.run(
            command, cwd=self.root, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        assert (done.returncode == 0) == succeeds, f"{' '.join(command)} exited with {done.returncode}:\n{done.stdout}"
        return done.stdout

    def dvc(self, *words: str, succeeds: bool = True) -> str:
        """Output of a dvc command."""
        return self.run("dvc", *words, succeeds=succeeds)

    def commit(self) -> None:
        """Commit everything git does not ignore."""
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--allow-empty", "--message", "state")

    def set(self, change: dict[str, Any]) -> None:
        """Set dotted parameters in params.yaml."""
        path = self.root / "params.yaml"
        params = yaml.safe_load(path.read_text())
        for dotted, value in change.items():
            *parents, last = dotted.split(".")
            section = params
            for part in parents:
                section = section[part]
            section[last] = value
        path.write_text(yaml.safe_dump(params, sort_keys=False))

    def outputs(self) -> dict[str, str]:
        """Every output in dvc.lock -> its hash."""
        locked = yaml.safe_load((self.root / "dvc.lock").read_text())["stages"]
        return {out["path"]: out["md5"] for stage in locked.values() for out in stage.get("outs", [])}

    def items(self, step: str) -> dict[str, float]:
        """Finished work items of a step -> modification time."""
        return {path.name: path.stat().st_mtime for path in (self.root / ".work" / step).glob("??/*") if not path.name.endswith(".tmp")}

    def metrics(self, name: str) -> dict[str, Any]:
        """A JSON file of metrics under reports/."""
        loaded: dict[str, Any] = json.loads((self.root / "reports" / name).read_text())
        return loaded

    def lock(self) -> dict[str, Any]:
        """The stages of dvc.lock."""
        loaded: dict[str, Any] = yaml.safe_load((self.root / "dvc.lock").read_text())["stages"]
        return loaded

    def start(self, *command: str, environment: dict[str, str] | None = None) -> subprocess.Popen[str]:
        """Start a command in a new session, with its output (both streams) in a pipe."""
        return subprocess.Popen(
            command,
            cwd=self.root,
            env=environment or self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def pause(self, event: str, part: str) -> Pause:
        """Create a pause point for a command, which must be started with the pause's environment."""
        return Pause(Path(tempfile.mkdtemp(prefix="pause.", dir=self.root.parent)) / "site", event, part, self.environment)

    def pause_at_work(self, stage: str) -> Pause:
        """Create a pause point at which a stage has recorded its inputs and starts its work."""
        return self.pause("tempfile.mkdtemp", f".staged/{stage}.")

    @contextmanager
    def paused(self, stage: str, *command: str) -> Iterator[Run]:
        """Start a command, pause one of its stages during the block, then wait for the end of the command."""
        pause = self.pause_at_work(stage)
        run = Run(self.start(*command, environment=pause.environment))
        pause.reached()
        try:
            yield run
        finally:
            pause.let_go()
            run.output, _ = run.process.communicate(timeout=300)

    def kill_when(self, command: list[str], ready: Callable[[], bool], timeout_s: float = 120) -> None:
        """Start a command and SIGKILL its process group as soon as `ready()` returns true; fails if the command ends before."""
        process = subprocess.Popen(
            command, cwd=self.root, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        deadline = time.monotonic() + timeout_s
        while not ready():
            assert process.poll() is None, f"{' '.join(command)} ended with {process.returncode} before it could be killed"
            assert time.monotonic() < deadline, f"{' '.join(command)} was never ready to be killed"
            time.sleep(0.002)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@dataclass
class Run:
    """A command that was started; output: of both streams, once it has ended."""

    process: subprocess.Popen[str]
    output: str = ""

    @property
    def status(self) -> int:
        """Its exit status."""
        return self.process.returncode


def stages_run(output: str) -> list[str]:
    """Names of the stages that dvc ran according to its output, in order."""
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage '")]


def table(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
