"""Stage train: the network from the real videos of the training set."""

from __future__ import annotations

import importlib.metadata
import os
import pkgutil
import shutil
import sys
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from types import ModuleType

import torch

import laanet_core.model
import laanet_core.synthesis
import laanet_core.training
from laanet_core import randomness
from laanet_core.datasets import index
from laanet_core.digests import file_digest
from laanet_core.errors import LaanetError
from laanet_core.media import landmarks, shards
from laanet_core.params import Params
from laanet_core.training.processes import process_count
from laanet_core.training.trainer import TrainingFiles, train
from laanet_core.work.folder import WorkDir, code_version, item_key
from laanet_core.work.outputs import clear_output
from stages.runner import run_stage

DATA, REPORTS = Path("data"), Path("reports/training")
SECTIONS = {"seed", "lambda1", "lambda2", "model", "synthesis", "augment", "train"}


def main(params: Params) -> None:
    """Train on `train.dataset`; the unfinished state lies in the work folder under the key of all its inputs."""
    start_processes()
    name = params.train.dataset
    paths = (DATA / "crops" / name, DATA / "landmarks" / f"{name}.h5", DATA / "index" / f"{name}.csv")
    files = TrainingFiles(*paths, DATA / "assets", DATA / "checkpoints", REPORTS)
    weights = sorted((files.assets / params.model.backbone).glob("weights.*"))
    inputs = [files.crops / "videos.csv", files.landmarks, files.index, *weights]
    work = WorkDir("train")
    state = work.path(training_key(params, inputs))
    first = os.environ.get("RANK", "0") == "0"
    with work.lock() if first else nullcontext():
        if first:
            clear_output(files.out)
        train(params, files, state)
        if first:
            shutil.rmtree(state)


def start_processes() -> None:
    """Become torchrun with LAANET_PROCESSES processes of this stage, where several are asked for."""
    count = process_count()
    if count > 1 and not torch.distributed.is_torchelastic_launched():
        launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
        os.execv(sys.executable, [*launcher, "-m", "stages.train"])  # noqa: S606 - no shell is wanted


def training_key(params: Params, inputs: list[Path]) -> str:
    """Key of everything that the trained weights depend on; raises LaanetError for an input that is not there."""
    missing = [path for path in inputs if not path.is_file()]
    if missing:
        raise LaanetError(f"{missing[0]}: not found; build it with 'dvc repro'.")
    libraries = {name: importlib.metadata.version(name) for name in ("torch", "timm", "pytorch-optimizer", "lightning-fabric")}
    return item_key(
        params=params.model_dump(include=SECTIONS, exclude={"train": {"save_every", "keep_last"}}),
        size=params.crops.size,
        inputs=[file_digest(path) for path in inputs],
        code=code_version(
            *modules_of(laanet_core.model, laanet_core.synthesis, laanet_core.training), randomness, index, landmarks, shards
        ),
        libraries=libraries,
        gpu=torch.cuda.is_available(),
    )


def modules_of(*packages: ModuleType) -> list[ModuleType]:
    """The modules of packages, by name."""
    names = [f"{package.__name__}.{module.name}" for package in packages for module in pkgutil.iter_modules(package.__path__)]
    return [import_module(name) for name in sorted(names)]


if __name__ == "__main__":
    run_stage(main)
