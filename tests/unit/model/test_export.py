"""ONNX files: the same outputs as the network, for every architecture; and refused inputs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from typer.testing import CliRunner

from laanet_core.cli import app
from laanet_core.errors import LaanetError
from laanet_core.model import LAANet, export, save_model
from laanet_core.model.export import export_onnx
from laanet_core.params import ModelParams
from tests.helpers.paths import ROOT
from tests.unit.model.test_model import SAME, params_of, plain

pytestmark = pytest.mark.slow


def checkpoint(path: Path, params: ModelParams, image_size: int | None = 64) -> LAANet:
    """Write a network with random weights and statistics."""
    torch.manual_seed(0)
    model = LAANet(params, image_size)
    for parameter in model.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    model.train()(torch.randn(4, 3, 64, 64))
    save_model(model, path)
    return model.eval()


@pytest.mark.parametrize(
    ("params", "names"),
    [
        (params_of("test_efficientnet", gamma_w=2), ["logit", "heatmap", "embedding"]),
        (params_of(SAME, pyramid="fpn", heads=["heatmap"], padded_for=76), ["logit", "heatmap"]),
        (params_of("test_efficientnet", pyramid="none", heads=["consistency"]), ["logit", "embedding"]),
        (plain("legacy_xception"), ["logit"]),
    ],
    ids=["efpn", "fpn_fixed_padding", "none", "xception"],
)
def test_onnx_gives_torchs_outputs_for_any_batch(tmp_path: Path, params: ModelParams, names: list[str]) -> None:
    model = checkpoint(tmp_path / "model.safetensors", params)
    export_onnx(tmp_path / "model.safetensors", tmp_path / "out/model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "out/model.onnx", providers=["CPUExecutionProvider"])
    assert [output.name for output in session.get_outputs()] == names
    images = torch.randn(3, 3, 64, 64)
    with torch.no_grad():
        expected = [tensor.numpy() for tensor in model.named_outputs(model(images)).values()]
    for found, reference in zip(session.run(None, {"images": images.numpy()}), expected, strict=True):
        assert found.shape == reference.shape
        assert np.abs(found - reference).max() < 1e-4 * np.abs(reference).max()


def test_the_command_prints_only_the_difference_and_the_file_has_a_description(tmp_path: Path) -> None:
    model = checkpoint(tmp_path / "model.safetensors", plain("test_vit"))
    done = CliRunner().invoke(app, ["export", f"{tmp_path}/model.safetensors", f"{tmp_path}/model.onnx", "--image-size", "96"])
    assert (done.exit_code, done.stderr, done.stdout.count("\n")) == (0, "", 1)
    assert done.stdout.startswith(f"{tmp_path}/model.onnx: written; its output differs from PyTorch by ")
    written = onnx.load(tmp_path / "model.onnx")
    described = json.loads({prop.key: prop.value for prop in written.metadata_props}["laanet"])
    mean, std = model.normalisation
    assert described["model"] == model.params.model_dump()
    assert described["normalisation"] == {"mean": list(mean), "std": list(std)}
    assert described["image_size"] == 96
    assert [dim.dim_value or dim.dim_param for dim in written.graph.input[0].type.tensor_type.shape.dim] == ["batch", 3, 96, 96]
    assert str(ROOT).encode() not in (tmp_path / "model.onnx").read_bytes()


def test_a_file_with_other_outputs_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint(tmp_path / "model.safetensors", plain("test_vit"))
    export_bytes = export._onnx_bytes

    def of_another_network(model: LAANet, *rest: Any) -> bytes:
        next(model.classifier.parameters()).data += 1
        return export_bytes(model, *rest)

    monkeypatch.setattr(export, "_onnx_bytes", of_another_network)
    with pytest.raises(LaanetError, match=r"model\.onnx: not written: its outputs would differ"):
        export_onnx(tmp_path / "model.safetensors", tmp_path / "model.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]


@pytest.mark.parametrize(
    ("out", "size", "option", "words"),
    [
        ("model.safetensors", 64, [], "what checkpoints are already"),
        ("model.pt", 64, [], r"model\.pt: exports are \.onnx"),
        ("model.onnx", None, [], "give --image-size"),
        ("model.onnx", None, ["--image-size", "100"], "multiples of 32"),
    ],
)
def test_an_export_that_is_impossible_is_one_line(tmp_path: Path, out: str, size: int | None, option: list[str], words: str) -> None:
    checkpoint(tmp_path / "given.safetensors", params_of("test_efficientnet"), size)
    done = CliRunner().invoke(app, ["export", str(tmp_path / "given.safetensors"), str(tmp_path / out), *option])
    assert done.exit_code == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert words.replace("\\", "") in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["given.safetensors"]


def test_help_names_both_commands_without_loading_torch() -> None:
    program = "import sys, laanet_core.cli; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "False\n"
    assert "import-checkpoint" in CliRunner().invoke(app, ["--help"]).stdout
    assert "OUT.onnx" in CliRunner().invoke(app, ["export", "--help"]).stdout
