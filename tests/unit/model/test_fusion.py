"""Fused batch norms: the network used for scoring has the same logits as the original, for every architecture."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from laanet_core.evaluation.predict import ScoreTask, score_shard
from laanet_core.media.storage.shards import encode_png, write_shard
from laanet_core.model import LAANet, build_model
from laanet_core.model.fusion import fuse_batch_norms
from laanet_core.params import ModelParams, load_params
from tests.helpers.drawn_face import face_image
from tests.helpers.paths import ROOT

pytestmark = pytest.mark.slow

SIZE = 64
VARIANTS = {
    "E-FPN and all heads": {},
    "E-FPN, SAME padding": {"backbone": "tf_efficientnet_b0"},
    "E-FPN, fixed padding": {"backbone": "tf_efficientnet_b0", "padded_for": SIZE},
    "E-FPN, padding for another size": {"backbone": "tf_efficientnet_b0", "padded_for": 2 * SIZE - 2},
    "E-FPN of one head": {"heads": ["heatmap"], "levels": [6, 5]},
    "FPN": {"pyramid": "fpn"},
    "no pyramid": {"pyramid": "none"},
    "plain classifier": {"pyramid": "none", "heads": []},
    "ResNet with E-FPN": {"backbone": "resnet18"},
    "plain ResNet": {"backbone": "resnet50", "pyramid": "none", "heads": []},
    "norms before convolutions": {"backbone": "resnetv2_50", "pyramid": "none", "heads": []},
    "standardised weights": {"backbone": "resnetv2_50x1_bit", "pyramid": "none", "heads": []},
    "branches of one input": {"backbone": "repvgg_a0", "pyramid": "none", "heads": []},
    "layers without batch norm": {"backbone": "convnext_atto", "pyramid": "none", "heads": []},
}


def network(**changes: object) -> LAANet:
    """A network with non-trivial batch norms and features of realistic magnitude."""
    values = load_params(ROOT / "presets/demo.yaml").model.model_dump()
    values |= {"backbone": "test_efficientnet", "pretrained": False, "drop_path": 0, **changes}
    torch.manual_seed(0)
    model = build_model(ModelParams(**values), None, SIZE).eval()
    for norm in batch_norms(model):
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias, 0, 0.1)
    model.train()
    with torch.no_grad():
        for norm in batch_norms(model):
            norm.momentum = None  # the mean over the batches seen: one, of faces
        model(model.normalise(faces(8)))
    return model.eval()


def batch_norms(model: nn.Module) -> list[nn.BatchNorm2d]:
    return [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]


def faces(count: int) -> torch.Tensor:
    return torch.stack([face_image(SIZE, number) for number in range(count)])


def logits(model: LAANet) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = model(model.normalise(faces(3))).logit
    return found


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_fused_logits_equal_those_of_the_network_within_rounding(changes: Mapping[str, object]) -> None:
    """In double precision to 1e-12; in single precision with an error comparable to the rounding error of the original network."""
    model = network(**changes)
    single, fast = logits(model), logits(fuse_batch_norms(model, SIZE))
    double = logits(model.double())
    assert logits(fuse_batch_norms(model, SIZE)).numpy() == pytest.approx(double.numpy(), rel=1e-12, abs=1e-12)
    rounding = float((single - double).abs().max())
    assert fast.numpy() == pytest.approx(double.numpy(), rel=1e-5, abs=max(1e-6, 5 * rounding))
    assert rounding < 1e-3


@pytest.mark.parametrize(("changes", "left"), [({}, 0), ({"backbone": "resnet50"}, 0), ({"backbone": "resnetv2_50"}, 17)])
def test_batch_norms_are_fused_if_they_are_the_only_reader_of_a_convolution(changes: Mapping[str, object], left: int) -> None:
    """In a ResNetV2, the norm before each of the 16 blocks and the last norm follow a sum instead of a convolution, and are not fused."""
    model = network(**changes)
    assert len(batch_norms(fuse_batch_norms(model, SIZE))) == left < len(batch_norms(model))


def test_a_batch_norm_is_not_fused_if_another_layer_reads_its_convolution() -> None:
    """If another layer reads the output of the convolution too, fusing the norm would change the input of that layer."""

    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(64, 64, 1), nn.BatchNorm2d(64)
            nn.init.constant_(self.norm.bias, 3)

        def forward(self, features: torch.Tensor) -> torch.Tensor:
            projected = self.conv(features)
            both: torch.Tensor = projected + self.norm(projected)
            return both

    model = network()
    model.classifier.insert(3, Both().eval())
    assert len(batch_norms(fuse_batch_norms(model, SIZE))) == 1
    assert logits(fuse_batch_norms(model, SIZE)).numpy() == pytest.approx(logits(model).numpy(), rel=1e-5, abs=1e-5)


def test_the_fused_network_has_no_auxiliary_heads_and_the_original_is_unchanged() -> None:
    model = network()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    scorer = fuse_batch_norms(model, SIZE)
    with torch.inference_mode():
        assert scorer(scorer.normalise(faces(1))).heads == {}
        assert list(model(model.normalise(faces(1))).heads) == ["heatmap", "consistency"]
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in scorer.modules())


def test_a_score_on_a_cpu_does_not_depend_on_the_batch_beyond_its_pair(tmp_path: Path) -> None:
    scorer = fuse_batch_norms(network(), SIZE)
    images = [np.ascontiguousarray(face.permute(1, 2, 0).numpy()) for face in faces(5)]
    write_shard(tmp_path / "five.tar", [(f"v/{number:06d}.png", encode_png(image)) for number, image in enumerate(images)])
    write_shard(tmp_path / "last.tar", [("v/000004.png", encode_png(images[4]))])
    one, two, four, five = (score_shard(ScoreTask(scorer, tmp_path / "five.tar", None, batch, True)) for batch in (1, 2, 4, 5))
    assert two == four == five
    assert score_shard(ScoreTask(scorer, tmp_path / "last.tar", None, 5, True)) == one[4:] == five[4:]
    assert [face.logit for face in one] == pytest.approx([face.logit for face in five], abs=1e-6)
    assert len({face.logit for face in five} | {face.flipped for face in five}) == 10
