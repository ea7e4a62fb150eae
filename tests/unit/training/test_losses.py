"""The losses compared with values computed by hand and by independent code."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit

from laanet_core.errors import LaanetError
from laanet_core.heads.consistency import consistency_logits, consistency_loss
from laanet_core.heads.heatmap import cornernet_focal_loss, focal_loss
from laanet_core.heads.spec import LossContext
from laanet_core.model import Output
from laanet_core.params import Recipe, load_params
from laanet_core.training.batch import BatchTargets
from laanet_core.training.losses import Losses, hard_labels, smoothed_labels, total_loss
from tests.helpers.paths import ROOT

WEIGHTS = {"heatmap": 10.0, "consistency": 100.0}
PAPER = load_params(ROOT / "presets/paper.yaml").train.model_copy(update={"gamma": 2, "label_smoothing": 0.1})


def context_of(recipe: Recipe) -> LossContext:
    return LossContext(PAPER.model_copy(update={"recipe": recipe}))


def losses_of(output: Output, targets: BatchTargets, recipe: Recipe) -> Losses:
    return total_loss(output, targets, WEIGHTS, context_of(recipe))


def tensors_of(output: Output) -> list[torch.Tensor]:
    return [output.logit, *output.heads.values()]


def drawn(seed: int, spread: float = 1.0) -> tuple[Output, BatchTargets]:
    """Random outputs (leaf tensors that require gradients) for four images, with standard deviation `spread`, and their targets."""
    generator = torch.Generator().manual_seed(seed)
    shapes = ((4,), (4, 1, 6, 6), (4, 256, 6, 6))
    logit, heatmap, embedding = ((spread * torch.randn(shape, generator=generator)).requires_grad_() for shape in shapes)
    output = Output(logit, {"heatmap": heatmap, "consistency": embedding})
    peaks, matrix = (2 * torch.rand(2, 4, 1, 6, 6, generator=generator)).clamp(max=1)
    anchor = torch.randint(6, (4, 2), generator=generator)
    return output, BatchTargets(torch.tensor([0.0, 0, 1, 1]), {"heatmap": peaks, "consistency": matrix, "anchor": anchor})


def test_focal_loss_by_hand() -> None:
    # one positive with p = 0.75, one negative (0.99 is not 1) with p = 0.75, one negative with p = 0.5
    logits = torch.tensor([[[[math.log(3), math.log(3), 0.0]]]])
    heatmap = torch.tensor([[[[1.0, 0.99, 0.0]]]])
    expected = -(0.25**2 * math.log(0.75)) - 0.75**2 * math.log(0.25) - 0.5**2 * math.log(0.5)
    assert focal_loss(logits, heatmap, 2).item() == pytest.approx(expected)


def test_focal_loss_is_summed_over_pixels_and_averaged_over_images() -> None:
    random = np.random.default_rng(0)
    logits, heatmap = random.normal(0, 3, (3, 1, 5, 7)), random.choice([0.0, 0.4, 1.0], (3, 1, 5, 7))
    towards_truth = np.where(heatmap == 1, expit(logits), 1 - expit(logits))
    for gamma in (0.0, 0.5, 2.0):
        expected = -((1 - towards_truth) ** gamma * np.log(towards_truth)).sum() / 3
        assert focal_loss(torch.tensor(logits), torch.tensor(heatmap), gamma).item() == pytest.approx(expected)


def test_focal_loss_and_its_gradient_are_finite_for_extreme_logits() -> None:
    logits = torch.tensor([[[[-200.0, 200.0, -200.0, 200.0]]]], requires_grad=True)
    loss = focal_loss(logits, torch.tensor([[[[1.0, 1.0, 0.0, 0.0]]]]), 0.5)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == pytest.approx(400)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def official_focal_loss(logits: NDArray[np.float64], heatmap: NDArray[np.float64], gamma: float) -> tuple[float, int]:
    """The official heat-map loss summed over pixels, and the number of positives, computed pixel by pixel."""
    total, positives = 0.0, 0
    for logit, value in zip(logits.ravel().tolist(), heatmap.ravel().tolist(), strict=True):
        p = min(max(float(expit(logit)), 1e-4), 1 - 1e-4)
        if value == 1:
            total, positives = total - 0.72 * (1 - p) ** gamma * math.log(p), positives + 1
        else:
            total -= (1 - value) ** 4 * p**gamma * math.log(1 - p)
    return total, positives


@pytest.mark.parametrize("gamma", [1.0, 2.0, 2.5])
def test_official_heat_map_loss_weighs_pixels_and_divides_by_the_positives_of_the_batch(gamma: float) -> None:
    random = np.random.default_rng(1)
    logits, heatmap = random.normal(0, 6, (3, 1, 5, 7)), random.choice([0.0, 0.4, 0.99, 1.0], (3, 1, 5, 7))
    heatmap[2] = 0
    total, positives = official_focal_loss(logits, heatmap, gamma)
    assert positives > 1
    found = cornernet_focal_loss(torch.tensor(logits), torch.tensor(heatmap), gamma)
    assert found.item() == pytest.approx(total / positives, rel=1e-12)


def test_official_heat_map_loss_without_positives_is_divided_by_1() -> None:
    logits, heatmap = np.random.default_rng(2).normal(0, 2, (2, 1, 3, 3)), np.zeros((2, 1, 3, 3))
    found = cornernet_focal_loss(torch.tensor(logits), torch.tensor(heatmap), 2)
    assert found.item() == pytest.approx(official_focal_loss(logits, heatmap, 2)[0], rel=1e-12)


def test_official_heat_map_loss_of_two_processes_averages_to_that_of_the_complete_batch_with_the_mean_of_their_positives() -> None:
    random = np.random.default_rng(3)
    logits, heatmap = torch.tensor(random.normal(0, 2, (4, 1, 6, 6))), torch.tensor(random.choice([0.0, 0.5, 1.0], (4, 1, 6, 6)))
    heatmap[:2] = heatmap[:2].clamp(max=0.5)
    mean = (heatmap == 1).sum() / 2
    first, second = (cornernet_focal_loss(logits[part], heatmap[part], 2, lambda _: mean) for part in (slice(2), slice(2, 4)))
    assert (first + second).item() / 2 == pytest.approx(cornernet_focal_loss(logits, heatmap, 2).item(), rel=1e-12)


def test_heat_map_loss_of_the_paper_takes_every_pixel_not_1_as_a_full_negative_and_the_official_one_spares_those_near_points() -> None:
    logits = torch.full((1, 1, 1, 2), 2.0)
    near, far = (torch.tensor([[[[1.0, value]]]]) for value in (0.9, 0.0))
    assert focal_loss(logits, near, 2) == focal_loss(logits, far, 2)
    alone = cornernet_focal_loss(logits[..., :1], near[..., :1], 2)
    ratio = (cornernet_focal_loss(logits, near, 2) - alone) / (cornernet_focal_loss(logits, far, 2) - alone)
    assert ratio.item() == pytest.approx(0.1**4, rel=1e-2)


def test_labels_of_the_paper_are_drawn_together_and_official_ones_are_hard() -> None:
    output, known = Output(torch.tensor([2.0, -1.0]), {}), BatchTargets(torch.tensor([1.0, 0.0]), {})
    assert smoothed_labels(known.label, 0.1).tolist() == pytest.approx([0.95, 0.05])
    assert hard_labels(known.label, 0.1).tolist() == [1, 0]
    probability = expit(np.array([2.0, -1.0]))
    targets: dict[Recipe, NDArray[np.float64]] = {"paper": np.array([0.95, 0.05]), "official": np.array([1.0, 0.0])}
    for recipe, target in targets.items():
        expected = -(target * np.log(probability) + (1 - target) * np.log(1 - probability)).mean()
        assert losses_of(output, known, recipe).classification.item() == pytest.approx(expected)


def test_consistency_is_the_inner_product_with_the_anchor_over_16() -> None:
    embedding = torch.randn(2, 256, 3, 4)
    anchor = torch.tensor([[2, 1], [0, 3]])
    logits = consistency_logits(embedding, anchor)
    assert logits.shape == (2, 1, 3, 4)
    assert logits[0, 0, 1, 2].item() == pytest.approx(torch.dot(embedding[0, :, 2, 1], embedding[0, :, 1, 2]).item() / 16, abs=1e-4)
    assert logits[1, 0, 0, 3].item() == pytest.approx(embedding[1, :, 0, 3].square().sum().item() / 16, rel=1e-4)


@pytest.mark.parametrize("recipe", ["paper", "official"])
def test_total_is_equation_8_of_the_terms_of_the_recipe(recipe: Recipe) -> None:
    output, targets = drawn(0)
    losses = losses_of(output, targets, recipe)
    heatmap, consistency = losses.heads.values()
    assert losses.total.item() == pytest.approx((losses.classification + 10 * heatmap + 100 * consistency).item())
    logits, peaks = output.heads["heatmap"], targets.of_heads["heatmap"]
    assert heatmap == (focal_loss(logits, peaks, 2) if recipe == "paper" else cornernet_focal_loss(logits, peaks, 2))
    assert consistency == consistency_loss(output.heads["consistency"], targets.of_heads, context_of(recipe))


def test_consistency_loss_is_the_cross_entropy_written_out_pixel_by_pixel() -> None:
    output, targets = drawn(1, spread=0.4)
    known = targets.of_heads
    embedding, target = output.heads["consistency"].detach().double().numpy(), known["consistency"].double().numpy()
    terms = []
    for image, (u, v) in enumerate(known["anchor"].tolist()):
        for row, column in np.ndindex(6, 6):
            predicted = expit(embedding[image, :, u, v] @ embedding[image, :, row, column] / 16)
            c = target[image, 0, row, column]
            terms.append(-(c * math.log(predicted) + (1 - c) * math.log(1 - predicted)))
    assert consistency_loss(output.heads["consistency"], known, context_of("paper")).item() == pytest.approx(np.mean(terms), rel=1e-5)


@pytest.mark.parametrize("recipe", ["paper", "official"])
@pytest.mark.parametrize("absent", ["heatmap", "consistency"])
def test_the_loss_has_no_term_for_a_head_that_the_network_lacks(absent: str, recipe: Recipe) -> None:
    output, targets = drawn(2)
    without = output._replace(heads={name: tensor for name, tensor in output.heads.items() if name != absent})
    full, part = losses_of(output, targets, recipe), losses_of(without, targets, recipe)
    (present,) = part.heads
    assert {present, absent} == set(WEIGHTS)
    assert (part.classification, part.heads[present]) == (full.classification, full.heads[present])
    assert part.total == part.classification + WEIGHTS[present] * part.heads[present]
    part.total.backward()  # type: ignore[no-untyped-call]
    assert output.logit.grad is not None


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**31), spread=st.sampled_from([0.0, 1.0, 30.0, 1000.0]), recipe=st.sampled_from(["paper", "official"]))
def test_losses_and_gradients_are_finite_and_no_loss_is_negative(seed: int, spread: float, recipe: Recipe) -> None:
    output, targets = drawn(seed, spread)
    losses = losses_of(output, targets, recipe)
    losses.total.backward()  # type: ignore[no-untyped-call]
    assert all(loss.isfinite() and loss >= 0 for loss in losses.stack())
    assert all(part.grad is not None and part.grad.isfinite().all() for part in tensors_of(output))


@pytest.mark.parametrize("recipe", ["paper", "official"])
def test_losses_under_bf16_autocast_are_those_of_float32(recipe: Recipe) -> None:
    output, targets = drawn(3)
    halves = [part.detach().bfloat16().requires_grad_() for part in tensors_of(output)]
    floats = [part.detach().float() for part in halves]
    half, full = (Output(logit, dict(zip(output.heads, heads, strict=True))) for logit, *heads in (halves, floats))
    expected = losses_of(full, targets, recipe)
    with torch.autocast("cpu", torch.bfloat16):
        losses = losses_of(half, targets, recipe)
    assert all(loss.dtype == torch.float32 for loss in (losses.total, losses.classification, *losses.heads.values()))
    assert losses.stack().tolist() == expected.stack().tolist()
    losses.total.backward()  # type: ignore[no-untyped-call]
    assert all(part.grad is not None and part.grad.isfinite().all() for part in halves)


def test_official_losses_are_those_of_the_reference() -> None:
    """Recipe and values of ../shared/golden/README.md; its consistency term uses the first arg-max as anchor."""
    random = np.random.default_rng(5)
    logits = random.normal(0, 2, (4, 1, 96, 96))
    embedding = random.normal(0, 1, (4, 256, 96, 96))
    logit = random.normal(0, 1.5, (4, 1))[:, 0]
    row, column = np.mgrid[:96, :96]
    heatmap, target = np.zeros((2, 4, 1, 96, 96))
    for image, (centre, sigma) in enumerate([((30, 40), 6), ((70, 20), 3)]):
        squares = (row - centre[0]) ** 2 + (column - centre[1]) ** 2
        heatmap[image, 0], target[image, 0] = np.exp(-squares / (2 * sigma**2)), np.exp(-squares / (2 * (4 * sigma) ** 2))
    of_heads = {"heatmap": heatmap, "consistency": target, "anchor": [[30, 40], [70, 20], [0, 0], [0, 0]]}
    targets = BatchTargets(torch.tensor([1.0, 1, 0, 0]).double(), {name: torch.tensor(value) for name, value in of_heads.items()})
    output = Output(torch.tensor(logit), {"heatmap": torch.tensor(logits), "consistency": torch.tensor(embedding)})
    losses = losses_of(output, targets, "official")
    assert losses.stack().dtype == torch.float64
    assert losses.classification.item() == pytest.approx(0.37941745971405827, rel=1e-9)
    assert 10 * losses.heads["heatmap"].item() == pytest.approx(129169.26896119444, rel=1e-9)
    assert 100 * losses.heads["consistency"].item() == pytest.approx(80.88956479653197, rel=1e-9)


def test_an_unknown_recipe_is_one_clear_sentence() -> None:
    with pytest.raises(LaanetError, match=r"^recipe: 'guess' is unknown; give one of 'paper', 'official'\.$"):
        losses_of(*drawn(0), "guess")  # type: ignore[arg-type]
