"""The network: its shapes, its parts against independent computations, its weights and its checkpoints."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from timm.layers import Conv2dSame
from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork

from laanet_core.errors import LaanetError
from laanet_core.model import LAANet, Output, build_model, load_model, save_model
from laanet_core.model.backbone import LevelsBackbone
from laanet_core.model.padding import FixedPadConv2d
from laanet_core.model.pyramid import TraditionalPyramid, inject
from laanet_core.model.weights import timm_names
from laanet_core.params import ModelParams
from tests.helpers.paths import ROOT

pytestmark = pytest.mark.slow

B4 = "tf_efficientnet_b4.ap_in1k"
SAME = "tf_mobilenetv3_small_minimal_100"
LEVELS = [[6], [6, 5], [6, 5, 4], [6, 5, 4, 3], [6, 5, 4, 3, 2]]
TABLE_4: list[dict[str, Any]] = [{"pyramid": pyramid, "levels": levels} for pyramid in ("efpn", "fpn") for levels in LEVELS]
TABLE_3: list[dict[str, Any]] = [
    {"pyramid": pyramid, "heads": heads}
    for pyramid in ("efpn", "none")
    for heads in ([], ["heatmap"], ["consistency"], ["heatmap", "consistency"])
]


def params_of(backbone: str, **changes: Any) -> ModelParams:
    values = {
        "pretrained": False, "pyramid": "efpn", "levels": [6, 5, 4, 3], "heads": ["heatmap", "consistency"],
        "gamma_w": 1, "dropout": 0.4, "drop_path": 0.2,
    }  # fmt: skip
    return ModelParams.model_validate({"backbone": backbone, **values, **changes})


def plain(backbone: str, **changes: Any) -> ModelParams:
    return params_of(backbone, pyramid="none", heads=[], drop_path=0, **changes)


def shape_of(tensor: Tensor) -> tuple[int, ...]:
    return tuple(tensor.shape)


def tensors_of(output: Output) -> list[Tensor]:
    return [output.logit, *output.heads.values()]


# --- the network


@pytest.mark.parametrize("changes", [*TABLE_4, *TABLE_3], ids=str)
def test_each_variant_of_the_ablations_has_its_outputs_and_a_gradient_everywhere(changes: dict[str, Any]) -> None:
    params = params_of("test_efficientnet", **changes)
    output = (model := LAANet(params).train())(torch.rand(2, 3, 64, 96))
    assert shape_of(output.logit) == (2,)
    shapes = {"heatmap": (2, 1, 16, 24), "consistency": (2, 256, 16, 24)}
    assert {name: shape_of(tensor) for name, tensor in output.heads.items()} == {name: shapes[name] for name in params.heads}
    sum(tensor.square().sum() for tensor in tensors_of(output)).backward()  # type: ignore[union-attr]
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize("pyramid", ["efpn", "fpn"])
@pytest.mark.parametrize("backbone", ["test_resnet", "test_convnext", SAME])
def test_other_backbones_give_maps_of_a_quarter_of_the_image(backbone: str, pyramid: str) -> None:
    output = LAANet(params_of(backbone, pyramid=pyramid)).eval()(torch.rand(2, 3, 64, 96))
    assert [shape_of(tensor) for tensor in tensors_of(output)] == [(2,), (2, 1, 16, 24), (2, 256, 16, 24)]


def test_a_backbone_with_channels_last_gives_the_same_maps() -> None:
    with torch.device("meta"):
        output = LAANet(params_of("swin_tiny_patch4_window7_224")).eval()(torch.zeros(2, 3, 224, 224))
    assert [shape_of(tensor) for tensor in tensors_of(output)] == [(2,), (2, 1, 56, 56), (2, 256, 56, 56)]


def test_levels_are_those_of_timms_own_feature_extractor() -> None:
    torch.manual_seed(0)
    backbone = LevelsBackbone("tf_efficientnet_lite0").eval()
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
    with torch.device("meta"):
        model = LAANet(params_of(B4))
    assert sum(parameter.numel() for parameter in model.parameters()) == 27_128_786


def test_mask_of_equation_9_by_hand() -> None:
    enhanced, feature = torch.zeros(1, 1, 1, 2), torch.tensor([[[[2.0, -4.0]]]])
    enhanced[..., 1] = np.log(3)  # sigmoid 0.75
    assert inject(enhanced, feature, 1).flatten().tolist() == pytest.approx([0, np.log(3), 1.0, -1.0])
    assert inject(enhanced, feature, 2).flatten().tolist() == pytest.approx([0, np.log(3), 0.5, -0.25])


@pytest.mark.parametrize("levels", LEVELS[1:])
def test_traditional_fpn_is_torchvisions(levels: list[int]) -> None:
    torch.manual_seed(0)
    channels = {2: 4, 3: 6, 4: 8, 5: 12, 6: 20}
    features = {level: torch.randn(2, channels[level], 128 >> min(level, 5), 64 >> min(level, 5)) for level in channels}
    ours = TraditionalPyramid(channels, levels, dropout=0)
    theirs = FeaturePyramidNetwork([channels[level] for level in reversed(levels)], 256)
    for level, block in zip(reversed(levels), theirs.inner_blocks, strict=True):
        block[0].load_state_dict(ours.lateral[str(level)].state_dict())  # type: ignore[index]
    theirs.layer_blocks[0][0].load_state_dict(ours.smooth.state_dict())  # type: ignore[index]
    expected = theirs(OrderedDict((str(level), features[level]) for level in reversed(levels)))[str(levels[-1])]
    torch.testing.assert_close(ours.finest(features), expected)


def test_f6_alone_is_one_network_under_all_three_names() -> None:
    outputs = []
    for changes in ({"pyramid": "efpn", "levels": [6]}, {"pyramid": "fpn", "levels": [6]}, {"pyramid": "none"}):
        torch.manual_seed(0)
        outputs.append(LAANet(params_of("test_efficientnet", **changes)).eval()(torch.ones(1, 3, 64, 64)))
    for output in outputs[1:]:
        assert all(torch.equal(one, other) for one, other in zip(tensors_of(output), tensors_of(outputs[0]), strict=True))


def test_heat_map_starts_at_one_tenth() -> None:
    model = LAANet(params_of("test_efficientnet"))
    assert model.heatmap[-1].bias.item() == pytest.approx(-2.19)  # type: ignore[index,operator,union-attr]


@pytest.mark.parametrize("backbone", ["legacy_xception", "test_vit", "test_mambaout", "mobilenetv3_small_050"])
def test_without_pyramid_and_heads_it_is_timms_own_classifier(backbone: str) -> None:
    model = LAANet(plain(backbone)).eval()
    reference = timm.create_model(backbone, num_classes=1).eval()
    reference.load_state_dict(model.backbone.network.state_dict(), strict=False)
    reference.get_classifier().load_state_dict(model.classifier[1].state_dict())
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        output, expected = model(images), reference(images)
    torch.testing.assert_close(output.logit, expected[:, 0])
    assert output.heads == {}


def test_a_plain_classifier_drops_out_and_takes_sides_that_no_pyramid_would() -> None:
    model = LAANet(plain("test_vit", dropout=0.5))
    assert model(torch.rand(1, 3, 80, 48)).logit.shape == (1,)
    assert isinstance(model.classifier[0], nn.Dropout)
    assert model.classifier[0].p == 0.5


@pytest.mark.parametrize(
    ("backbone", "changes", "words"),
    [
        ("no_such_net", {}, "no_such_net"),
        ("no_such_net", {"pyramid": "none", "heads": []}, "no_such_net"),
        ("tf_efficientnet_b4.no_such_tag", {}, "no_such_tag"),
        ("vit_tiny_patch16_224", {}, "strides"),
        ("vgg11", {"drop_path": 0.2}, "stochastic depth"),
        ("test_resnet", {"padded_for": 380}, r"padded_for: 380.*no SAME-padded"),
        (SAME, {"padded_for": 10**9}, "1000000000x1000000000"),
    ],
)
def test_an_unsuitable_backbone_is_one_sentence(backbone: str, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(LaanetError, match=words):
        LAANet(params_of(backbone, **changes))


@pytest.mark.parametrize(
    ("params", "size", "words"),
    [
        (params_of("test_efficientnet"), 100, "100x100.*multiples of 32"),
        (params_of("test_efficientnet", pyramid="none"), 100, "100x100.*multiples of 32"),
        (plain("vit_tiny_patch16_224"), 64, r"64x64 pixels.*\(224\)"),
        (params_of("inception_v4", drop_path=0), 224, "F2 are 160x54x54 for 224x224"),
    ],
)
def test_an_unsupported_image_size_is_one_sentence(params: ModelParams, size: int, words: str) -> None:
    with torch.device("meta"), pytest.raises(LaanetError, match=words):
        LAANet(params)(torch.zeros(1, 3, size, size))


def test_images_are_brought_to_the_precision_of_the_weights() -> None:
    model = LAANet(plain("test_vit")).double().eval()
    images = torch.rand(1, 3, 64, 64)
    assert torch.equal(model(images).logit, model(images.double()).logit)


# --- padding fixed for one size


def models_with_padding(size: int) -> tuple[LAANet, LAANet]:
    """The same network with timm's padding and with that of this size."""
    torch.manual_seed(0)
    dynamic = LAANet(params_of(SAME, drop_path=0)).eval()
    torch.manual_seed(0)
    return dynamic, LAANet(params_of(SAME, drop_path=0, padded_for=size)).eval()


def test_fixed_padding_is_timms_own_at_its_size_and_another_elsewhere() -> None:
    dynamic, fixed = models_with_padding(100)
    at_home, elsewhere = torch.rand(1, 3, 100, 100), torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        same = [model.backbone.network.forward_features(at_home) for model in (dynamic, fixed)]  # type: ignore[operator]
        other = [model.backbone.network.forward_features(elsewhere) for model in (dynamic, fixed)]  # type: ignore[operator]
    assert torch.equal(*same)
    assert other[0].shape == other[1].shape
    assert not torch.allclose(*other)


def test_fixed_padding_takes_every_same_padded_convolution_and_changes_no_weight() -> None:
    dynamic, fixed = models_with_padding(100)
    assert sum(isinstance(module, Conv2dSame) for module in dynamic.modules()) == 5
    assert sum(isinstance(module, FixedPadConv2d) for module in fixed.modules()) == 5
    assert not any(isinstance(module, Conv2dSame) for module in fixed.modules())
    theirs = fixed.state_dict()
    assert list(dynamic.state_dict()) == list(theirs)
    assert all(torch.equal(value, theirs[name]) for name, value in dynamic.state_dict().items())


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
        if hasattr(block.se, "conv_reduce"):
            theirs, ours = [*theirs, "_se_reduce", "_se_expand"], [*ours, "se.conv_reduce", "se.conv_expand"]
        for their, our in zip(theirs, ours, strict=True):
            yield from ((f"_blocks.{number}.{their}.{key}", value) for key, value in block.get_submodule(our).state_dict().items())
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


@pytest.mark.parametrize("backbone", ["test_vit", "test_convnext", "legacy_xception"])
def test_weights_of_any_backbone_load_without_their_classifier(backbone: str, tmp_path: Path) -> None:
    expected = timm.create_model(backbone)
    save_file(expected.state_dict(), tmp_path / "weights.safetensors")
    params = params_of(backbone, pyramid="none", heads=[], drop_path=0, pretrained=True)
    loaded = build_model(params, tmp_path).backbone.network.state_dict()
    kept = {name: value for name, value in expected.state_dict().items() if name in loaded}
    assert kept.keys() == loaded.keys()
    assert all(torch.equal(loaded[name], value) for name, value in kept.items())


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


def test_the_packaged_lite0_weights_recognise_a_cat_and_a_cup(assets: Path) -> None:
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
        mine, theirs = trained(trained.normalise(pixels)), loaded(loaded.normalise(pixels))
    assert all(torch.equal(one, other) for one, other in zip(tensors_of(mine), tensors_of(theirs), strict=True))


def test_normalise_is_x_minus_mean_over_deviation(trained: LAANet) -> None:
    pixels = torch.full((1, 3, 32, 32), 255, dtype=torch.uint8)
    expected = [(1 - mean) / std for mean, std in zip(*trained.normalisation, strict=True)]
    assert trained.normalise(pixels)[0, :, 0, 0].tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("pixels", "found"),
    [
        (torch.zeros(2, 64, 64, 3, dtype=torch.uint8), "torch.uint8 of shape (2, 64, 64, 3)"),
        (torch.zeros(3, 64, 64, dtype=torch.uint8), "torch.uint8 of shape (3, 64, 64)"),
        (torch.zeros(2, 1, 64, 64, dtype=torch.uint8), "torch.uint8 of shape (2, 1, 64, 64)"),
        (torch.zeros(2, 3, 64, 64), "torch.float32 of shape (2, 3, 64, 64)"),
    ],
    ids=["channels last", "one image", "grey", "floating point"],
)
def test_images_that_are_not_a_batch_of_rgb_bytes_are_one_sentence(trained: LAANet, pixels: Tensor, found: str) -> None:
    sentence = f"images: {found}; give RGB from 0 to 255 as torch.uint8 of shape (B, 3, H, W)."
    with pytest.raises(LaanetError, match=f"^{re.escape(sentence)}$"):
        trained.normalise(pixels)


@pytest.mark.parametrize(
    "images",
    [torch.zeros(2, 64, 64, 3), torch.zeros(3, 64, 64), torch.zeros(2, 3, 64, 64, dtype=torch.uint8)],
    ids=["channels last", "one image", "not normalised"],
)
def test_the_network_refuses_images_that_were_not_normalised(trained: LAANet, images: Tensor) -> None:
    found = f"images: {images.dtype} of shape {tuple(images.shape)}; give model.normalise(images)"
    with pytest.raises(LaanetError, match=re.escape(found)):
        trained(images)


def test_another_process_writes_the_same_bytes(trained: LAANet, tmp_path: Path) -> None:
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    save_model(trained, first)
    program = "import sys, pathlib, laanet_core.model as m; a, b = map(pathlib.Path, sys.argv[1:]); m.save_model(m.load_model(a), b)"
    subprocess.run([sys.executable, "-c", program, first, second], check=True)
    assert hashlib.sha256(first.read_bytes()).digest() == hashlib.sha256(second.read_bytes()).digest()


def test_files_that_are_not_a_checkpoint_are_one_sentence(trained: LAANet, tmp_path: Path) -> None:
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


def test_a_checkpoint_is_read_in_its_own_precision_and_from_a_text_path(trained: LAANet, tmp_path: Path) -> None:
    save_model(trained.double(), tmp_path / "model.safetensors")
    loaded = load_model(str(tmp_path / "model.safetensors"))
    images = torch.rand(2, 3, 64, 64, dtype=torch.float64)
    assert torch.equal(loaded(images).logit, trained(images).logit)
    assert loaded(images.float()).logit.dtype == torch.float64


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model.backbone", "vit_giant_patch14_224"),
        ("model.backbone", "no_such_net"),
        ("model.backbone", {"name": "test_resnet"}),
        ("model.heads", ["No head"]),
        ("model.padded_for", 10**9),
        ("model.levels", [6, 5]),
        ("model.extra", 1),
        ("image_size", 10**9),
        ("normalisation.std", [0, 1, 1]),
        ("normalisation.mean", [float("nan"), 0, 0]),
    ],
)
def test_a_checkpoint_with_an_absurd_description_is_one_sentence(trained: LAANet, tmp_path: Path, key: str, value: Any) -> None:
    path = tmp_path / "model.safetensors"
    save_model(trained, path)
    with safe_open(path, framework="pt") as file:
        described = json.loads(file.metadata()["laanet"])
    *parents, last = key.split(".")
    section = described[parents[0]] if parents else described
    section[last] = value
    save_file(trained.state_dict(), path, metadata={"laanet": json.dumps(described)})
    with pytest.raises(LaanetError, match=r"model\.safetensors: no checkpoint of this project \([^\n]+\);"):
        load_model(path)


@pytest.mark.parametrize("dtype", [torch.float16, torch.int32])
def test_a_checkpoint_in_another_kind_of_number_is_one_sentence(trained: LAANet, tmp_path: Path, dtype: torch.dtype) -> None:
    path = tmp_path / "model.safetensors"
    save_model(trained, path)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    save_file({name: value.to(dtype) for name, value in trained.state_dict().items()}, path, metadata=metadata)
    with pytest.raises(LaanetError, match="no checkpoint"):
        load_model(path)


def test_one_flipped_byte_anywhere_in_a_checkpoint_is_one_sentence(trained: LAANet, tmp_path: Path) -> None:
    save_model(trained, tmp_path / "model.safetensors")
    content = (tmp_path / "model.safetensors").read_bytes()
    header = int.from_bytes(content[:8], "little")
    description = content.index(b"laanet")
    places = [*range(0, 8), *range(8, 8 + header, 97), *range(description, description + 900, 23)]
    places += range(8 + header, len(content), len(content) // 40)
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 1
        (tmp_path / "damaged.safetensors").write_bytes(damaged)
        with pytest.raises(LaanetError, match=r"damaged\.safetensors: no checkpoint of this project \("):
            load_model(tmp_path / "damaged.safetensors")


def test_model_and_training_import_without_the_pipelines_packages() -> None:
    absent = ["dvc", "dlib", "retinaface", "av", "onnx", "onnxscript", "onnxruntime", "pytorch_optimizer", "lightning", "typer"]
    modules = "laanet_core.model.official, laanet_core.model.export, laanet_core.training.trainer"
    program = f"import sys; sys.modules.update(dict.fromkeys({absent!r})); import {modules}"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)
