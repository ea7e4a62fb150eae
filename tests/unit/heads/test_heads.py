"""The registry of auxiliary heads, and a head that is defined outside the package."""

from __future__ import annotations

import csv
import dataclasses
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors import safe_open

from laanet_core.errors import LaanetError
from laanet_core.evaluation.predict import ScoreTask, score_shard
from laanet_core.heads import UnknownHeadError, register_head, registered_heads
from laanet_core.heads import registry as registry_module
from laanet_core.heads.registry import head_weights, weight_keys
from laanet_core.heads.spec import HeadSpec
from laanet_core.model import LAANet, load_model
from laanet_core.model.export import export_onnx
from laanet_core.model.fusion import fuse_batch_norms
from laanet_core.params import Params
from laanet_core.reporting.figures import loss_figure
from laanet_core.reporting.results import read_log
from laanet_core.store.account import is_in
from laanet_core.training.distributed import open_fabric
from laanet_core.training.step import Learner
from laanet_core.training.trainer import start_model
from stages.train import SECTIONS
from tests.helpers.edge_head import EDGE
from tests.helpers.paths import ROOT
from tests.helpers.training_set import SIZE, batches_of, bytes_of, params_of, run_training

pytestmark = pytest.mark.slow

WITH_EDGE = {"heads": ["heatmap", "edge"]}


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The edge head, registered for one test."""
    with monkeypatch.context() as patch:
        patch.setattr(registry_module, "_REGISTERED", dict(registry_module._REGISTERED))
        register_head(EDGE)
        yield


def edge_params(weight: float = 0.5, model: dict[str, Any] | None = None, **changes: Any) -> Params:
    return params_of(model=model or WITH_EDGE, head_weights={"edge": weight}, **changes)


def rows_of(out: Path) -> list[dict[str, str]]:
    with (out / "reports/log.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.usefixtures("registered")
def test_a_head_from_outside_is_trained_logged_saved_scored_and_shown(dataset: Path, tmp_path: Path) -> None:
    params = edge_params(epochs=2)
    run_training(params, dataset, tmp_path)
    rows = rows_of(tmp_path)
    heads = [spec.log_column for spec in registered_heads()]
    assert heads[-1] == "loss_edge"
    assert list(rows[0]) == ["epoch", "step", "loss", "loss_class", *heads, "learning_rate", "val_loss", "val_auc", "unblended"]
    terms = [float(rows[0][name]) for name in ("loss_class", "loss_heatmap", "loss_consistency", "loss_edge")]
    assert float(rows[0]["loss"]) == pytest.approx(terms[0] + params.lambda1 * terms[1] + 0.5 * terms[3], rel=1e-5)
    assert terms[2] == 0
    assert float(rows[1]["loss_edge"]) < float(rows[0]["loss_edge"])
    assert (tmp_path / "reports/plots/metrics/train/loss_edge.tsv").read_text().startswith("step\tloss_edge\n1\t")

    model = load_model(tmp_path / "out/last.safetensors")
    with safe_open(tmp_path / "out/last.safetensors", framework="pt") as file:
        assert {name.split(".")[0] for name in file.keys()} == {"backbone", "pyramid", "heatmap", "classifier", "edge_layers"}  # noqa: SIM118
    assert list(model(torch.zeros(1, 3, SIZE, SIZE)).heads) == ["heatmap", "edge"]
    scored = score_shard(ScoreTask(fuse_batch_norms(model, SIZE), dataset / "crops/v.tar", None, 2, False))
    assert len(scored) == 6
    export_onnx(tmp_path / "out/last.safetensors", tmp_path / "model.onnx")

    figure = loss_figure(read_log(tmp_path / "reports/log.csv"))
    assert ">edge<" in figure
    assert ">consistency<" not in figure


@pytest.mark.usefixtures("registered")
def test_a_network_can_have_a_head_from_outside_only(dataset: Path) -> None:
    params = edge_params(weight=2, model={"heads": ["edge"], "pyramid": "none"})
    learner = Learner(start_model(params, dataset), params, open_fabric())
    batch = next(iter(batches_of(dataset, params)))
    assert set(batch.targets.of_heads) == {"edge_mask"}
    losses = learner.step(batch, 1e-3, 7, frozen_backbone=False)
    assert list(losses.heads) == ["edge"]
    assert losses.total.item() == pytest.approx((losses.classification + 2 * losses.heads["edge"]).item())


@pytest.mark.usefixtures("registered")
def test_a_training_with_a_head_from_outside_resumes_with_the_same_bytes(dataset: Path, tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    killed.mkdir()
    (killed / "params.json").write_text(edge_params(save_every=1, log_every=4).model_dump_json())
    command = [sys.executable, "-m", "tests.helpers.edge_head", str(dataset), str(killed)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list((killed / "work").glob("state-0000001[0-5]-*.pt")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (killed / "out").exists()
    resumed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert "going on at step" in resumed.stderr
    run_training(edge_params(log_every=4), dataset, tmp_path / "uninterrupted")
    assert bytes_of(killed) == bytes_of(tmp_path / "uninterrupted")
    curve = "reports/plots/metrics/train/loss_edge.tsv"
    assert (killed / curve).read_bytes() == (tmp_path / "uninterrupted" / curve).read_bytes()


def test_a_checkpoint_with_a_head_that_is_not_registered_is_one_sentence(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(registry_module, "_REGISTERED", dict(registry_module._REGISTERED))
        register_head(EDGE)
        run_training(edge_params(epochs=1), dataset, tmp_path)
    with pytest.raises(UnknownHeadError, match=r"last\.safetensors: its network has the head 'edge', which is not registered; call"):
        load_model(tmp_path / "out/last.safetensors")


def test_an_unknown_head_fails_before_any_work(dataset: Path, tmp_path: Path) -> None:
    known = ", ".join(repr(spec.name) for spec in registered_heads())
    sentence = f"model.heads: 'nose' is not a registered head; choose among {known}, or"
    with pytest.raises(LaanetError, match=f"^{re.escape(sentence)}"):
        run_training(params_of(model={"heads": ["heatmap", "nose"]}), dataset, tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UnknownHeadError, match="'nose'"):
        LAANet(params_of(model={"heads": ["nose"]}).model)


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    ("weights", "heads", "words"),
    [
        ({}, ["edge"], r"^train\.head_weights\.edge: missing; set the loss weight of the head 'edge'"),
        ({"nose": 1}, [], r"^train\.head_weights\.nose: no head reads this weight; remove it"),
        ({"heatmap": 1}, [], r"^train\.head_weights\.heatmap: no head reads this weight; its weight is lambda1; remove it"),
    ],
)
def test_weights_that_are_missing_or_unused_are_one_sentence(weights: dict[str, float], heads: list[str], words: str) -> None:
    with pytest.raises(LaanetError, match=words):
        head_weights(params_of(model={"heads": heads}, head_weights=weights))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "heatmap", "module": "other"}, "the name 'heatmap' is taken"),
        ({"module": "embedding"}, "the module 'embedding' is taken"),
        ({"module": "backbone"}, "the module 'backbone' is taken"),
        ({"name": "class"}, "the log_column 'loss_class' is taken"),
    ],
)
def test_a_head_cannot_take_the_place_of_another(change: dict[str, str], words: str) -> None:
    before = registered_heads()
    with pytest.raises(LaanetError, match=words):
        register_head(dataclasses.replace(EDGE, **change))  # type: ignore[arg-type]
    assert registered_heads() == before


@pytest.mark.usefixtures("registered")
def test_two_targets_of_one_name_are_one_sentence(dataset: Path) -> None:
    register_head(dataclasses.replace(EDGE, name="twin", module="twin"))
    with pytest.raises(LaanetError, match="head 'twin': its target 'edge_mask' has the name of another target"):
        next(iter(batches_of(dataset, edge_params(model={"heads": ["edge", "twin"]}))))


@pytest.mark.usefixtures("registered")
def test_an_unused_head_changes_no_training(dataset: Path, finished: Path, tmp_path: Path) -> None:
    run_training(params_of(), dataset, tmp_path)
    assert bytes_of(tmp_path) == bytes_of(finished)


@pytest.mark.parametrize("spec", registered_heads(), ids=lambda spec: spec.name)
def test_the_weight_of_each_head_is_in_the_account_and_in_the_parameters_of_the_stage(spec: HeadSpec) -> None:
    stage = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["train"]
    assert any(is_in(spec.weight, key) for key in stage["params"])
    assert any(is_in(spec.weight, key) for key in [*SECTIONS, *weight_keys()])
    own = {each.weight.rpartition(".")[2]: 1 for each in registered_heads() if each.weight.startswith("train.head_weights.")}
    assert spec.weight_in(params_of(head_weights=own)) > 0


def test_an_empty_mapping_of_weights_is_left_out_of_the_parameters() -> None:
    assert "head_weights" not in params_of(head_weights={}).model_dump()["train"]
    assert edge_params().model_dump()["train"]["head_weights"] == {"edge": 0.5}
