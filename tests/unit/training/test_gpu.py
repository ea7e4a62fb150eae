"""Training on a GPU: bf16, fused Adam, the same losses as on a CPU within precision, and the same pairs."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from laanet_core.model import load_model
from tests.helpers.paths import ROOT
from tests.helpers.training_set import params_of

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not Path("/dev/nvidia0").exists(), reason="no GPU here")]


def first_epoch(dataset: Path, out: Path, gpu: bool, **changes: Any) -> dict[str, float]:
    """The first row of the log of a training in a separate process."""
    out.mkdir()
    (out / "params.json").write_text(params_of(model={"dropout": 0, "drop_path": 0}, epochs=1, **changes).model_dump_json())
    environment = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"} if gpu else dict(os.environ)
    command = [sys.executable, "-m", "tests.helpers.training_set", str(dataset), str(out)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    with (out / "reports/log.csv").open() as file:
        return {name: float(value) for name, value in next(csv.DictReader(file)).items()}


@pytest.mark.parametrize(
    "changes", [{}, {"compile": True}, {"recompute": True, "ema": 0.9, "clip_norm": 1.0}], ids=["plain", "compile", "options"]
)
def test_training_on_a_gpu_gives_the_losses_of_a_cpu(dataset: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    slow = {"learning_rate": 1e-6, "peak_learning_rate": 1e-6, **changes}
    cpu = first_epoch(dataset, tmp_path / "cpu", False, **{**slow, "compile": False})
    gpu = first_epoch(dataset, tmp_path / "gpu", True, **slow)
    for column in ("loss", "loss_class", "loss_heatmap", "loss_consistency"):
        assert gpu[column] == pytest.approx(cpu[column], rel=0.03), column
    model = load_model(tmp_path / "gpu/out/model.safetensors")
    assert all(value.device == torch.device("cpu") and bool(value.isfinite().all()) for value in model.state_dict().values())


@pytest.mark.parametrize("method", ["sbi", "bi"])
def test_pairs_made_on_a_gpu_are_those_made_on_a_cpu_within_rounding(dataset: Path, tmp_path: Path, method: str) -> None:
    """All random draws are the same; only rounding differs. Runs in a separate process, which can see the GPU."""
    values = params_of().model_dump()
    values["synthesis"]["method"] = method
    (tmp_path / "params.json").write_text(json.dumps(values))
    environment = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    command = [sys.executable, "-m", "tests.helpers.gpu_pairs", str(dataset), str(tmp_path / "params.json")]
    found = json.loads(subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout)
    assert found["pairs"] == 12
    assert found["labels_differ"] == 0
    assert found["pixel_mean"] < 1
    assert found["heatmap_share"] < 0.02
    assert found["consistency_mean"] < 0.005
