"""Provenance of a run for the report: git revision, hashes in dvc.lock, parameters and machine."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml

from laanet_core.params import Params
from laanet_core.reporting.provenance import Artefact, Provenance
from laanet_core.store.parameter_changes import ParameterChange, parameter_changes

GIT_TIMEOUT_S = 60


class Lock(NamedTuple):
    """Content of dvc.lock. digests: path -> MD5; written: outputs of the pipeline; gap: a sentence if the file could not be read."""

    digests: dict[str, str]
    written: frozenset[str]
    gap: str | None


class State(NamedTuple):
    """State of git. revision: None if unknown; changed: files that differ from it; gap: a sentence if git failed."""

    revision: str | None
    changed: tuple[str, ...]
    gap: str | None


class Parameters(NamedTuple):
    """Parameters that differ from the commit's params.yaml. gap: a sentence if that cannot be determined."""

    changed: tuple[ParameterChange, ...]
    gap: str | None


def collect_provenance(params: Params, root: Path = Path()) -> Provenance:
    """Collect the state of the project in `root`; anything missing (git, a commit, dvc.lock) is described in `gaps`, not raised."""
    lock = read_lock(root / "dvc.lock")
    state = read_git(root, lock.written | {"dvc.lock"})
    parameters = read_parameters(root)
    inputs = [path for name in params.datasets for path in (f"data/index/{name}.csv", f"data/crops/{name}")]
    artefacts = tuple(Artefact(path, lock.digests.get(path)) for path in [*inputs, params.evaluate.checkpoint])
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    gaps = tuple(gap for gap in (state.gap, parameters.gap, lock.gap) if gap)
    return Provenance(state.revision, state.changed, artefacts, describe_machine(), made, gaps, parameters.changed)


def read_lock(path: Path) -> Lock:
    """Read the digests of all outputs and dependencies in a dvc.lock; for a path that is both, that of the output."""
    try:
        stages = list(yaml.safe_load(path.read_text())["stages"].values())
        deps, outs = ([item for stage in stages for item in stage.get(part, [])] for part in ("deps", "outs"))
        digests = {item["path"]: item["md5"] for item in [*deps, *outs] if "md5" in item}
        written = frozenset(item["path"] for item in outs)
    except FileNotFoundError:
        return Lock({}, frozenset(), f"There is no {path.name}: the DVC hashes of the inputs are unknown.")
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        return Lock({}, frozenset(), f"{path.name} could not be read ({' '.join(str(error).split())}).")
    return Lock(digests, written, None)


def read_git(root: Path, written: frozenset[str]) -> State:
    """Read the current commit and the files that differ from it, except those in `written` or below."""
    try:
        revision = _git(root, "rev-parse", "HEAD").strip()
        listed = _git(root, "status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all", "--", ".").split("\0")
    except FileNotFoundError:
        return State(None, (), "git is not installed: the revision is unknown.")
    except subprocess.TimeoutExpired:
        return State(None, (), f"git did not answer within {GIT_TIMEOUT_S} s: the revision is unknown.")
    except subprocess.CalledProcessError as error:
        message = (error.stderr.strip().splitlines() or ["nothing"])[0]
        return State(None, (), f"The revision is unknown; git says: {message}")
    changed = (entry[3:] for entry in listed if entry)
    return State(revision, tuple(sorted(path for path in changed if not _is_below(path, written))), None)


def read_parameters(root: Path) -> Parameters:
    """Compare params.yaml with the version in the current commit."""
    unknown = "Changes of parameters since the commit are unknown:"
    try:
        committed = yaml.safe_load(_git(root, "show", "HEAD:./params.yaml"))
        present = yaml.safe_load((root / "params.yaml").read_text())
        return Parameters(tuple(parameter_changes(committed, present)), None)
    except (FileNotFoundError, subprocess.SubprocessError):
        return Parameters((), f"{unknown} there is no commit with a params.yaml.")
    except (yaml.YAMLError, AttributeError) as error:
        return Parameters((), f"{unknown} a params.yaml could not be read ({' '.join(str(error).split())}).")


def describe_machine() -> tuple[tuple[str, str], ...]:
    """Describe processor, cores, GPUs and the software versions that affect numerical results."""
    gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return (
        ("processor", _processor()),
        ("cores", str(len(os.sched_getaffinity(0)))),
        ("GPU", ", ".join(gpus) or "none"),
        ("system", f"{platform.system()} {platform.release()}"),
        ("Python", platform.python_version()),
        ("PyTorch", torch.__version__),
    )


def _git(root: Path, *words: str) -> str:
    """Run a git command without taking locks and return its output; names that are not UTF-8 are escaped."""
    command = ["git", "--no-optional-locks", *words]
    options: dict[str, Any] = {"capture_output": True, "text": True, "errors": "backslashreplace", "timeout": GIT_TIMEOUT_S}
    done: subprocess.CompletedProcess[str] = subprocess.run(command, cwd=root, check=True, **options)
    return done.stdout


def _is_below(path: str, written: frozenset[str]) -> bool:
    """Return whether a path is in `written` or below one of its paths."""
    parts: Sequence[str] = path.split("/")
    return any("/".join(parts[:count]) in written for count in range(1, len(parts) + 1))


def _processor() -> str:
    """Return the name of the processor, on Linux from /proc/cpuinfo."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
