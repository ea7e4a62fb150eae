"""Training in several processes under torchrun gives the losses and weights of training in one."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from laanet_core.errors import LaanetError
from laanet_core.params import Params
from laanet_core.training.distributed import process_count
from tests.helpers.paths import ROOT
from tests.helpers.training_set import params_of

pytestmark = pytest.mark.slow

EXACT = {"dropout": 0, "drop_path": 0}
"""Random draws of these layers differ between processes; without them the results must agree."""


def run(params: Params, dataset: Path, out: Path, processes: int) -> str:
    """Run a complete training in `processes` gloo processes on the CPU; returns its stderr."""
    out.mkdir()
    (out / "params.json").write_text(params.model_dump_json())
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"] if processes > 1 else []
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *launcher, "-m", "tests.helpers.training_set", str(dataset), str(out)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.parametrize("recipe", ["paper", "official"])
def test_two_processes_give_the_losses_of_one(dataset: Path, tmp_path: Path, recipe: str) -> None:
    params = params_of(model=EXACT, epochs=2, batch_size=8, learning_rate=3e-6, peak_learning_rate=3e-6, recipe=recipe, ema=0.9)
    outputs = [run(params, dataset, tmp_path / str(count), count) for count in (1, 2)]
    logs = [list(csv.DictReader((tmp_path / str(count) / "reports/log.csv").open())) for count in (1, 2)]
    for alone, together in zip(*logs, strict=True):
        for column in ("loss", "loss_class", "loss_heatmap", "loss_consistency", "val_loss"):
            assert float(together[column]) == pytest.approx(float(alone[column]), rel=1e-5), column
    first, second = (load_file(tmp_path / str(count) / "out/last.safetensors") for count in (1, 2))
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, rtol=1e-3, atol=1e-4, msg=name)
    assert outputs[1].count("train: 0/6 ") == 1, "only one process reports progress"


def test_the_number_of_processes_is_a_whole_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAANET_PROCESSES", raising=False)
    assert process_count() == 1
    monkeypatch.setenv("LAANET_PROCESSES", "4")
    assert process_count() == 4
    monkeypatch.setenv("LAANET_PROCESSES", "four")
    with pytest.raises(LaanetError, match="LAANET_PROCESSES is 'four'; give a whole number"):
        process_count()
