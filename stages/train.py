"""Stage train: the network from the real videos of the training set."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import torch

from laanet_core.errors import LaanetError
from laanet_core.heads.registry import head_weights, weight_keys
from laanet_core.params import Params
from laanet_core.store.account import Account, chosen, flatten
from laanet_core.store.code import code_key
from laanet_core.store.digests import file_digest
from laanet_core.store.work_dir import WorkDir, item_key
from laanet_core.training.distributed import process_count
from laanet_core.training.trainer import TrainingFiles, train
from stages.runner import run_stage

DATA = Path("data")
SECTIONS = ("seed", "model", "synthesis", "augment", "train", "crops.size")
"""Sections and keys of params.yaml that a training depends on, besides the weights of the heads."""


def main(params: Params, out: Path) -> Callable[[], None]:
    """Train on `train.dataset`; the state is in the work folder, under the key of all inputs, until the outputs are in place."""
    head_weights(params)  # unknown heads and missing weights fail before any work
    start_processes()
    name = params.train.dataset
    paths = (DATA / "crops" / name, DATA / "landmarks" / f"{name}.h5", DATA / "index" / f"{name}.csv")
    files = TrainingFiles(*paths, DATA / "assets", out / "data/checkpoints", out / "reports/training")
    made = training_account(params, files)
    work = WorkDir("train")
    state = work.path(item_key(made=made.as_json(), gpu=torch.cuda.is_available()))
    first = os.environ.get("RANK", "0") == "0"
    with work.lock() if first else nullcontext():
        train(params, files, state, made)
    return partial(shutil.rmtree, state)


def start_processes() -> None:
    """Replace this process by torchrun with LAANET_PROCESSES processes of this stage, if more than one is requested."""
    count = process_count()
    if count > 1 and not torch.distributed.is_torchelastic_launched():
        launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
        os.execv(sys.executable, [*launcher, "-m", "stages.train"])  # noqa: S606 - no shell is wanted


def training_account(params: Params, files: TrainingFiles) -> Account:
    """Account of the trained weights; raises LaanetError for a missing input."""
    weights = sorted((files.assets / params.model.backbone).glob("weights.*"))
    inputs = {f"crops/{files.crops.name}": files.crops / "videos.csv", f"landmarks/{files.landmarks.name}": files.landmarks}
    inputs |= {f"index/{files.index.name}": files.index} | {f"assets/{params.model.backbone}": path for path in weights}
    missing = [path for path in inputs.values() if not path.is_file()]
    if missing:
        raise LaanetError(f"{missing[0]}: not found; build it with 'dvc repro'.")
    return Account(
        chosen(flatten(params.model_dump(mode="json")), [*SECTIONS, *weight_keys()], without=("train.save_every", "train.keep_last")),
        {name: file_digest(path) for name, path in inputs.items()},
        code_key(train),
        {name: importlib.metadata.version(name) for name in ("torch", "timm", "pytorch-optimizer", "lightning-fabric")},
    )


if __name__ == "__main__":
    run_stage(main)
