"""The network: its shapes, its size, the reference's values, its weights and its checkpoints."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from laanet_core.errors import LaanetError
from laanet_core.model import LAANet, build_model, load_model, save_model
from laanet_core.model.backbone import Backbone
from laanet_core.model.pyramid import inject
from laanet_core.model.weights import timm_names
from laanet_core.params import ModelParams

PROJECT = Path(__file__).parents[1]
GOLDEN = PROJECT.parent / "shared" / "golden"
B4 = "tf_efficientnet_b4.ap_in1k"


def params_of(backbone: str, **changes: Any) -> ModelParams:
    values = {"pretrained": False, "levels": [6, 5, 4, 3], "gamma_w": 1, "dropout": 0.4, "drop_path": 0.2}
    return ModelParams.model_validate({"backbone": backbone, **values, **changes})


@pytest.mark.parametrize("levels", [[6], [6, 5], [6, 5, 4], [6, 5, 4, 3], [6, 5, 4, 3, 2]])
@pytest.mark.parametrize("backbone", ["test_efficientnet", "test_resnet", "test_convnext"])
def test_any_backbone_and_levels_give_maps_of_a_quarter_of_the_image(backbone: str, levels: list[int]) -> None:
    model = build_model(params_of(backbone, levels=levels), None).eval()
    output = model(torch.rand(2, 3, 64, 96))
    assert output.logit.shape == (2,)
    assert output.heatmap.shape == (2, 1, 16, 24)
    assert output.embedding.shape == (2, 256, 16, 24)


def test_every_parameter_gets_a_gradient() -> None:
    model = build_model(params_of("test_efficientnet", levels=[6, 5, 4, 3, 2]), None).train()
    output = model(torch.rand(4, 3, 64, 64))
    (output.logit.sum() + output.heatmap.sum() + output.embedding.square().sum()).backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


def test_levels_are_those_of_timms_own_feature_extractor() -> None:
    torch.manual_seed(0)
    backbone = Backbone("tf_efficientnet_lite0").eval()
    reference = timm.create_model("tf_efficientnet_lite0", features_only=True).eval()
    reference.load_state_dict(backbone.network.state_dict(), strict=False)
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        levels, expected = backbone(images), reference(images)
    for level, feature in zip(range(2, 6), expected[1:], strict=True):
        torch.testing.assert_close(levels[level], feature)
        assert levels[level].shape[1] == backbone.channels[level]
    assert levels[6].shape == (1, 1280, 2, 2)


def test_b4_has_the_published_number_of_parameters() -> None:
    model = build_model(params_of(B4), None)
    assert sum(parameter.numel() for parameter in model.parameters()) == 27_128_786


def test_mask_of_equation_9_by_hand() -> None:
    enhanced, feature = torch.zeros(1, 1, 1, 2), torch.tensor([[[[2.0, -4.0]]]])
    enhanced[..., 1] = np.log(3)  # sigmoid 0.75
    assert inject(enhanced, feature, 1).flatten().tolist() == pytest.approx([0, np.log(3), 1.0, -1.0])
    assert inject(enhanced, feature, 2).flatten().tolist() == pytest.approx([0, np.log(3), 0.5, -0.25])


def test_heat_map_starts_at_one_tenth() -> None:
    model = build_model(params_of("test_efficientnet"), None)
    assert model.heatmap[-1].bias.item() == pytest.approx(-2.19)  # type: ignore[union-attr,operator]


@pytest.mark.parametrize(
    ("backbone", "changes", "words"),
    [
        ("no_such_net", {}, "no_such_net"),
        ("tf_efficientnet_b4.no_such_tag", {}, "no_such_tag"),
        ("vit_tiny_patch16_224", {}, "strides"),
        ("vgg11", {"drop_path": 0.2}, "stochastic depth"),
    ],
)
def test_a_backbone_that_will_not_do_is_one_sentence(backbone: str, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(LaanetError, match=words):
        build_model(params_of(backbone, **changes), None)


def test_image_sides_must_be_multiples_of_32() -> None:
    with pytest.raises(LaanetError, match="100x64"):
        build_model(params_of("test_efficientnet"), None)(torch.rand(1, 3, 100, 64))


# --- weights


def lukemelas_state(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """An EfficientNet's entries under lukemelas' names, by walking its modules: the inverse of the mapping under test."""
    stem_and_head = {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head", "bn2": "_bn1"}
    for name, entry in stem_and_head.items():
        yield from ((f"{entry}.{key}", value) for key, value in getattr(network, name).state_dict().items())
    blocks = [block for stage in network.blocks for block in stage]  # type: ignore[union-attr]
    for number, block in enumerate(blocks):
        separable = type(block).__name__ == "DepthwiseSeparableConv"
        theirs = ["_depthwise_conv", "_bn1", "_project_conv", "_bn2"]
        ours = ["conv_dw", "bn1", "conv_pw", "bn2"]
        if not separable:
            theirs, ours = ["_expand_conv", "_bn0", *theirs], ["conv_pw", "bn1", "conv_dw", "bn2", "conv_pwl", "bn3"]
        for their, our in zip(theirs, ours, strict=True):
            yield from ((f"_blocks.{number}.{their}.{key}", value) for key, value in getattr(block, our).state_dict().items())
    yield "_fc.weight", torch.zeros(1000, 1280)
    yield "_fc.bias", torch.zeros(1000)


@pytest.fixture
def lite0_weights(tmp_path: Path) -> Path:
    torch.manual_seed(3)
    torch.save(dict(lukemelas_state(timm.create_model("tf_efficientnet_lite0"))), tmp_path / "weights.pth")
    return tmp_path


def test_weights_in_lukemelas_names_land_in_their_places(lite0_weights: Path) -> None:
    torch.manual_seed(3)
    expected = timm.create_model("tf_efficientnet_lite0").state_dict()
    model = build_model(params_of("tf_efficientnet_lite0", pretrained=True), lite0_weights)
    for name, value in model.backbone.network.state_dict().items():
        assert torch.equal(value, expected[name]), name
    assert model.normalisation.mean == pytest.approx([127 / 255] * 3)
    assert model.normalisation.std == pytest.approx([128 / 255] * 3)


def test_weights_in_timms_names_keep_timms_normalisation(tmp_path: Path) -> None:
    expected = timm.create_model("resnet18", num_classes=5)
    save_file(expected.state_dict(), tmp_path / "weights.safetensors")
    model = build_model(params_of("resnet18", pretrained=True), tmp_path)
    assert torch.equal(model.backbone.network.conv1.weight, expected.conv1.weight)  # type: ignore[union-attr,arg-type]
    assert model.normalisation.mean == pytest.approx([0.485, 0.456, 0.406])


def test_weights_of_another_network_are_refused(lite0_weights: Path) -> None:
    with pytest.raises(LaanetError, match="does not fit"):
        build_model(params_of("tf_efficientnet_lite1"), lite0_weights)
    with pytest.raises(LaanetError, match="another kind"):
        build_model(params_of("resnet18"), lite0_weights)


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x80\x04cos\nsystem\n"])
def test_broken_or_hostile_weights_are_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "weights.pth").write_bytes(content)
    with pytest.raises(LaanetError, match=r"weights\.pth"):
        build_model(params_of("tf_efficientnet_lite0"), tmp_path)


def test_missing_weights_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(LaanetError, match=r"not found.*model\.pretrained"):
        build_model(params_of("tf_efficientnet_lite0"), tmp_path)


def test_the_packaged_lite0_weights_know_a_cat_and_a_cup(assets: Path) -> None:
    from skimage import data
    from skimage.transform import resize

    network = timm.create_model("tf_efficientnet_lite0").eval()
    state = torch.load(assets / "tf_efficientnet_lite0/weights.pth", weights_only=True)
    network.load_state_dict(timm_names(state, [len(stage) for stage in network.blocks]))
    pictures = [data.chelsea()[:, 75:375], data.coffee()[:, 100:500]]
    images = torch.stack([torch.tensor(resize(picture, (224, 224), anti_aliasing=True)).permute(2, 0, 1) for picture in pictures])
    with torch.no_grad():
        classes = network((images.float() * 255 - 127) / 128).argmax(dim=1).tolist()
    assert classes[0] in {281, 282, 285}  # tabby, tiger cat, Egyptian cat
    assert classes[1] in {967, 968}  # espresso, cup


# --- checkpoints


@pytest.fixture
def trained() -> LAANet:
    torch.manual_seed(1)
    model = build_model(params_of("test_efficientnet"), None, image_size=64)
    model.train()(torch.rand(4, 3, 64, 64))  # moves the running statistics
    return model.eval()


def test_a_checkpoint_gives_the_same_outputs_and_input(trained: LAANet, tmp_path: Path) -> None:
    save_model(trained, tmp_path / "model.safetensors")
    loaded = load_model(tmp_path / "model.safetensors")
    pixels = torch.randint(256, (2, 3, 64, 64), dtype=torch.uint8)
    assert not loaded.training
    assert (loaded.params, loaded.image_size, loaded.normalisation) == (trained.params, 64, trained.normalisation)
    with torch.no_grad():
        for mine, theirs in zip(trained(trained.normalise(pixels)), loaded(loaded.normalise(pixels)), strict=True):
            assert torch.equal(mine, theirs)


def test_normalise_is_x_minus_mean_over_deviation(trained: LAANet) -> None:
    pixels = torch.full((1, 3, 32, 32), 255, dtype=torch.uint8)
    expected = [(1 - mean) / std for mean, std in zip(*trained.normalisation, strict=True)]
    assert trained.normalise(pixels)[0, :, 0, 0].tolist() == pytest.approx(expected)


def test_another_process_writes_the_same_bytes(trained: LAANet, tmp_path: Path) -> None:
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    save_model(trained, first)
    program = "import sys, pathlib, laanet_core.model as m; a, b = map(pathlib.Path, sys.argv[1:]); m.save_model(m.load_model(a), b)"
    subprocess.run([sys.executable, "-c", program, first, second], check=True)
    assert hashlib.sha256(first.read_bytes()).digest() == hashlib.sha256(second.read_bytes()).digest()


def test_files_that_are_no_checkpoint_are_one_sentence(trained: LAANet, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with pytest.raises(LaanetError, match="not found"):
        load_model(path)
    path.write_bytes(b"garbage")
    with pytest.raises(LaanetError, match="no checkpoint"):
        load_model(path)
    save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(LaanetError, match="no checkpoint"):
        load_model(path)
    save_model(trained, path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(LaanetError, match="no checkpoint"):
        load_model(path)


def test_model_and_training_import_without_the_pipelines_packages() -> None:
    absent = ["dvc", "dlib", "retinaface", "av", "onnxruntime", "pytorch_optimizer", "lightning"]
    program = f"import sys; sys.modules.update(dict.fromkeys({absent!r})); import laanet_core.model, laanet_core.training.trainer"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=PROJECT)


# --- the reference's values (../shared/golden/README.md)


@pytest.mark.skipif(not GOLDEN.is_dir(), reason="../shared/golden is not here")
def test_b4_at_384_gives_the_published_networks_outputs() -> None:
    model = build_model(params_of(B4), None).double().eval()
    model.load_state_dict(golden_state(model))
    as_published_padding(model)
    random = np.random.default_rng([1, 99])
    coarse, fine = random.uniform(-1, 1, (2, 3, 12, 12)), random.uniform(-1, 1, (2, 3, 384, 384))
    images = torch.from_numpy(0.7 * np.kron(coarse, np.ones((1, 1, 32, 32))) + 0.3 * fine)
    with torch.no_grad():
        levels, output = model.backbone(images), model(images)
    golden = np.load(GOLDEN / "official_forward_seed1.npz", allow_pickle=False)
    for level in range(2, 7):
        assert_close(levels[level].mean(dim=(2, 3)), golden[f"reduction_{level}_mean_per_channel"])
    assert_close(output.heatmap, golden["hm"])
    assert_close(output.logit[:, None], golden["cls"])
    assert_close(output.embedding[:, :, ::8, ::8], golden["cstency"])


def assert_close(found: Tensor, expected: Any) -> None:
    """To 1e-6 of the largest value (the stored ones have single precision)."""
    assert np.abs(found.numpy() - expected).max() < 1e-6 * np.abs(expected).max()


def golden_state(model: LAANet) -> dict[str, Tensor]:
    """The recipe's state dict under this project's names."""
    shapes: dict[str, list[int]] = json.loads((GOLDEN / "official_state_dict_shapes.json").read_text())
    official = {name: golden_value(name, shape) for name, shape in shapes.items() if not name.startswith("inception_block.")}
    decoder = {
        "deconv_1.0.": "pyramid.top.", "deconv_2.0.": "pyramid.down.5.",
        "deconv_2.1.": "pyramid.down.5.3.", "deconv_2.2.": "pyramid.down.5.4.",
        "deconv_3.0.": "pyramid.down.4.", "deconv_3.1.": "pyramid.down.4.3.", "deconv_3.2.": "pyramid.down.4.4.",
        "deconv_4.0.pw_block.": "pyramid.inception.project.", "deconv_4.0.conv3_block.": "pyramid.inception.conv3.",
        "deconv_4.0.conv5_block.": "pyramid.inception.conv5.", "deconv_4.1.": "pyramid.up.0.", "deconv_4.2.": "pyramid.up.1.",
        "hm.": "heatmap.", "cls.": "classifier.", "cstency.": "embedding.",
    }  # fmt: skip
    state, backbone = {}, {}
    for name, value in official.items():
        prefix = next((prefix for prefix in decoder if name.startswith(prefix)), None)
        if prefix:
            state[decoder[prefix] + name.removeprefix(prefix)] = value
        else:
            backbone[name] = value
    stages = [len(stage) for stage in model.backbone.network.blocks]  # type: ignore[union-attr,arg-type]
    return {**state, **{f"backbone.network.{name}": value for name, value in timm_names(backbone, stages).items()}}


def golden_value(name: str, shape: list[int]) -> Tensor:
    random = np.random.default_rng([1, zlib.crc32(name.encode())])
    if name.endswith("num_batches_tracked"):
        return torch.tensor(0)
    if name.endswith("running_mean"):
        value = 0.05 * random.standard_normal(shape)
    elif name.endswith("running_var"):
        value = 1 + 0.2 * random.random(shape)
    elif len(shape) == 1:
        value = 0.05 * random.standard_normal(shape) if name.endswith("bias") else 1 + 0.1 * random.standard_normal(shape)
    else:
        value = random.standard_normal(shape) * np.sqrt(2.4 / np.prod(shape[1:]))
    return torch.from_numpy(np.asarray(value))


def as_published_padding(model: LAANet) -> None:
    """The published network pads block 6's depth-wise convolution by (2, 2, 2, 2) (reference_facts, the padding trap)."""
    block = model.backbone.network.blocks[2][0]  # type: ignore[union-attr,index]
    dynamic = block.conv_dw  # type: ignore[union-attr]
    block.conv_dw = nn.Conv2d(dynamic.in_channels, dynamic.out_channels, 5, stride=2, padding=2, groups=dynamic.groups, bias=False)  # type: ignore[union-attr,arg-type]
    block.conv_dw.weight = dynamic.weight  # type: ignore[union-attr]
