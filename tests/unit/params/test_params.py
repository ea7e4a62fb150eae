"""Parameters: both presets load, and any error is reported in one sentence."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from laanet_core.errors import LaanetError
from laanet_core.params import AugmentParams, SynthesisParams, load_params
from tests.helpers.paths import ROOT


def written(tmp_path: Path, change: dict[str, Any]) -> Path:
    """The demo preset with dotted keys replaced (None removes one)."""
    loaded = yaml.safe_load((ROOT / "presets/demo.yaml").read_text())
    for dotted, value in change.items():
        section = loaded
        *parents, last = dotted.split(".")
        for part in parents:
            section = section[part]
        if value is None:
            del section[last]
        else:
            section[last] = value
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(loaded))
    return path


def test_the_committed_parameters_are_the_demo_preset() -> None:
    assert (ROOT / "params.yaml").read_text() == (ROOT / "presets/demo.yaml").read_text()


def test_the_paper_preset_is_the_papers_recipe() -> None:
    params = load_params(ROOT / "presets/paper.yaml")
    assert (params.lambda1, params.lambda2) == (10, 100)
    assert params.frames.count == {"train": 128, "val": 32, "test": 32}
    assert (params.crops.size, params.crops.enlarge, params.crops.detector) == (384, 1.25, "retinaface_resnet50")
    assert params.model.backbone == "tf_efficientnet_b4.ap_in1k"
    train = params.train
    assert (train.epochs, train.batch_size, train.frames_per_epoch, train.freeze_epochs) == (100, 16, 8, 6)
    assert (train.learning_rate, train.peak_learning_rate, train.warmup) == (5e-5, 2e-4, 0.25)
    assert (train.rho, train.weight_decay, train.gamma, train.iou) == (0.05, 1e-4, 2, 0.7)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"crops.sise": 384}, ["crops.sise", "unknown"]),
        ({"crops.size": 100}, ["crops.size", "multiple of 32", "100"]),
        ({"crops.enlarge": None}, ["crops.enlarge", "missing"]),
        ({"crops.detector": "haar"}, ["crops.detector", "haar", "retinaface_mobilenet"]),
        ({"quality.bins": [0, 1, 0.5]}, ["quality", "ascend"]),
        ({"model.levels": [6, 4]}, ["model", "[6, 4]"]),
        ({"train.dataset": "ffpp"}, ["train.dataset", "ffpp", "demo"]),
        ({"lambda1": "ten"}, ["lambda1", "ten"]),
        ({"datasets": {"../evil": {"root": "x"}}}, ["../evil"]),
        ({"datasets.training": {"root": "x"}}, ["'training'"]),
        ({"datasets": {}}, ["datasets"]),
    ],
)
def test_a_wrong_parameter_is_one_sentence_with_key_and_value(tmp_path: Path, change: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(LaanetError) as error:
        load_params(written(tmp_path, change))
    message = str(error.value)
    assert "\n" not in message
    for word in ["params.yaml", *words]:
        assert word in message


def test_a_missing_and_a_malformed_file_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(LaanetError, match="not found"):
        load_params(tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_text("seed: [1\nlambda1: 2")
    with pytest.raises(LaanetError, match="not valid YAML"):
        load_params(tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_text("- just\n- a list\n")
    with pytest.raises(LaanetError, match=r"params\.yaml"):
        load_params(tmp_path / "params.yaml")


@pytest.mark.parametrize("preset", ["demo", "paper"])
def test_presets_contain_the_default_values_of_the_synthesis(preset: str) -> None:
    params = load_params(ROOT / "presets" / f"{preset}.yaml")
    assert params.synthesis == SynthesisParams()
    assert params.augment == AugmentParams()


@pytest.mark.parametrize(
    ("section", "key", "value"), [("sbi", "sharpen", [0.5, 0.2]), ("bi", "edge_kernel", [9, 3]), ("sbi", "mask_kernel", [5])]
)
def test_a_reversed_range_or_one_with_a_single_number_is_one_sentence(section: str, key: str, value: list[float], tmp_path: Path) -> None:
    with pytest.raises(LaanetError, match=rf"synthesis\.{section}\.{key}: .*correct the value\."):
        load_params(written(tmp_path, {f"synthesis.{section}.{key}": value}))
