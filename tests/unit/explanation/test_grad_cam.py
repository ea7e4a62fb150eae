"""Grad-CAM compared with a computation by autograd, and its side effects."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from laanet_core.explanation.grad_cam import GradCamTail, explain, grad_cam, last_maps
from laanet_core.model import LAANet
from laanet_core.model.forward import forward
from laanet_core.params import ModelParams
from laanet_core.runtime.executor import one_thread
from laanet_core.types import Image
from tests.helpers.drawn_face import face_image
from tests.unit.model.test_model import params_of, plain

SIZE = 64
PYRAMIDS = [params_of("test_efficientnet", pyramid=pyramid, heads=heads) for pyramid in ("efpn", "fpn") for heads in ([], ["heatmap"])]
WHERE_READ = [
    *((params, "classifier.2") for params in PYRAMIDS),
    (params_of("test_efficientnet", pyramid="none", heads=["heatmap", "consistency"]), "classifier.2"),
    (params_of("test_resnet", levels=[6, 5]), "classifier.2"),
    (plain("test_efficientnet"), "backbone.network.bn2"),
    (plain("test_resnet"), "backbone.network.layer4"),
    (plain("test_mambaout"), "backbone.network.stages"),
]


@pytest.fixture(autouse=True, scope="module")
def single() -> Iterator[None]:
    """One thread, as in the stage."""
    with one_thread():
        yield


def network(params: ModelParams, image_size: int | None = SIZE) -> LAANet:
    """A network with random weights and statistics, in evaluation mode."""
    torch.manual_seed(5)
    model = LAANet(params, image_size)
    for parameter in model.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    model.train()(torch.randn(4, 3, SIZE, SIZE))
    return model.eval()


def face(seed: int, size: int = SIZE) -> Image:
    return np.ascontiguousarray(face_image(size, seed).permute(1, 2, 0).numpy())


@pytest.mark.parametrize(("params", "layer"), WHERE_READ, ids=lambda value: value if isinstance(value, str) else value.backbone)
def test_grad_cam_is_the_relu_of_maps_weighted_by_their_mean_gradients(params: ModelParams, layer: str) -> None:
    model, image, peaks = network(params), face(3), []
    for _ in ("fake", "real"):
        found = grad_cam(model, [image])
        assert found is not None
        assert found.shape == (1, SIZE, SIZE)
        assert found.dtype == np.float32
        expected = by_autograd(model, image, layer, channels_last=params.backbone == "test_mambaout")
        peaks.append(expected.max())
        np.testing.assert_allclose(found[0], expected / (peaks[-1] or 1), atol=2e-5)
        model.classifier[-1].weight.data.neg_()  # type: ignore[operator, union-attr]
    assert max(peaks) > 0


def by_autograd(model: LAANet, image: Image, layer: str, channels_last: bool) -> NDArray[np.float64]:
    """Eq. 1 and 2 of Selvaraju et al. at a named layer of the complete network, upsampled by OpenCV."""
    kept: list[Tensor] = []
    handle = model.get_submodule(layer).register_forward_hook(lambda _module, _inputs, output: kept.append(output))
    logit = model(model.normalise(torch.from_numpy(image).permute(2, 0, 1)[None])).logit[0]
    handle.remove()
    maps, gradients = kept[0].detach()[0].double().numpy(), torch.autograd.grad(logit, kept[0])[0][0].double().numpy()
    if channels_last:
        maps, gradients = maps.transpose(2, 0, 1), gradients.transpose(2, 0, 1)
    weights = [gradient.mean() for gradient in gradients]
    relevance = np.maximum(sum(weight * each for weight, each in zip(weights, maps, strict=True)), 0)
    return np.asarray(cv2.resize(relevance, image.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float64)


@pytest.mark.parametrize("params", [*PYRAMIDS, plain("test_efficientnet"), plain("test_mambaout")], ids=lambda params: params.backbone)
def test_the_tail_gives_the_logit_of_the_network(params: ModelParams) -> None:
    model = network(params)
    images = torch.randn(2, 3, SIZE, SIZE)
    with torch.no_grad():
        maps = last_maps(model, images)
        assert maps is not None
        torch.testing.assert_close(GradCamTail(model)(maps)[:, 0], model(images).logit)


class Averages(nn.Module):
    """A network whose last features are the image averaged over squares of 8 x 8 pixels."""

    def forward_features(self, images: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(images, 8)

    def forward_head(self, maps: Tensor, pre_logits: bool) -> Tensor:
        return maps.mean(dim=(2, 3))


@pytest.fixture
def redness() -> LAANet:
    """A network for which red is evidence for fake, green for real, and blue is irrelevant."""
    model = LAANet(plain("test_resnet")).eval()
    model.backbone.network = Averages()
    model.backbone.normalisation = model.normalisation = model.normalisation._replace(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    model.classifier = nn.Sequential(nn.Linear(3, 1))
    model.classifier[0].weight.data = torch.tensor([[2.0, -1.0, 0.0]])
    return model


def test_grad_cam_is_highest_at_evidence_for_fake_and_zero_at_evidence_for_real(redness: LAANet) -> None:
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    image[8:16, 40:48, 0], image[48:56, 8:16, 1], image[48:56, 48:56, 2] = 200, 200, 200
    image[48:56, 24:32, 0] = 100
    found = grad_cam(redness, [image])
    assert found is not None
    assert np.unravel_index(found[0].argmax(), found[0].shape) in {(row, column) for row in (11, 12) for column in (43, 44)}
    assert found[0, 11:13, 43:45].min() > 0.8
    assert found[0, 51:53, 27:29].max() == pytest.approx(0.5 * found[0, 11:13, 43:45].max(), rel=1e-5)
    assert found[0, 44:, 0:20].max() == found[0, 44:, 40:].max() == 0
    assert found.max() == 1


def test_grad_cam_without_evidence_for_fake_is_zero(redness: LAANet) -> None:
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    image[..., 1] = 200
    found = grad_cam(redness, [image])
    assert found is not None
    assert (found == 0).all()


def test_each_grad_cam_depends_only_on_its_own_image() -> None:
    model, images = network(PYRAMIDS[1]), [face(seed) for seed in (3, 4, 5)]
    together = grad_cam(model, images)
    assert together is not None
    alone = [grad_cam(model, [image]) for image in images]
    assert all(np.array_equal(one[0], each) for one, each in zip(alone, together, strict=True) if one is not None)
    assert together.max(axis=(1, 2)).tolist() == [1, 1, 1]


def test_grad_cam_is_reproducible() -> None:
    model, image = network(PYRAMIDS[1]), face(3)
    first, second = (grad_cam(model, [image]) for _ in range(2))
    assert np.array_equal(first, second)  # type: ignore[arg-type]


@pytest.mark.parametrize("params", [PYRAMIDS[1], plain("test_resnet")], ids=["efpn", "plain"])
@pytest.mark.parametrize("trainable", [True, False])
def test_grad_cam_does_not_change_the_network(params: ModelParams, trainable: bool) -> None:
    model = network(params).requires_grad_(trainable)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    image = face(3)
    given = image.copy()
    assert grad_cam(model, [image]) is not None
    assert (image == given).all()
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert {parameter.requires_grad for parameter in model.parameters()} == {trainable}
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(module.training for module in model.modules())
    assert sum(len(module._forward_hooks) + len(module._forward_pre_hooks) + len(module._backward_hooks) for module in model.modules()) == 0
    assert not any(name.startswith("GradCamTail") for name, _ in model.named_modules())


def test_grad_cam_works_in_double_precision() -> None:
    single, double = (explain(model, face(3)).gradcam for model in (network(PYRAMIDS[0]), network(PYRAMIDS[0]).double()))
    assert single is not None
    assert double is not None
    assert double.dtype == np.float32
    assert np.abs(double - single).max() < 1e-4


def test_a_token_network_has_no_grad_cam() -> None:
    model = network(plain("test_vit"))
    assert grad_cam(model, [face(3)]) is None
    explanation = explain(model, face(3))
    assert (explanation.heatmap, explanation.gradcam) == (None, None)
    assert explanation.logit == float(forward(model, [face(3)])[0][0])
