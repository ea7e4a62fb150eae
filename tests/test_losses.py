"""The losses against numbers worked out by hand and by other means."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import expit
from torch.nn import functional as F

from laanet_core.model import Output
from laanet_core.training.losses import Truth, class_loss, consistency_logits, focal_loss, total_loss


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


def test_label_smoothing_draws_labels_together() -> None:
    logit, label = torch.tensor([2.0, -1.0]), torch.tensor([1.0, 0.0])
    probability = expit(logit.numpy())
    target = np.array([0.95, 0.05])
    expected = -(target * np.log(probability) + (1 - target) * np.log(1 - probability)).mean()
    assert class_loss(logit, label, 0.1).item() == pytest.approx(expected)
    assert class_loss(logit, label, 0.0).item() == pytest.approx(F.binary_cross_entropy_with_logits(logit, label).item())


def test_consistency_is_the_inner_product_with_the_anchor_over_16() -> None:
    embedding = torch.randn(2, 256, 3, 4)
    anchor = torch.tensor([[2, 1], [0, 3]])
    logits = consistency_logits(embedding, anchor)
    assert logits.shape == (2, 1, 3, 4)
    assert logits[0, 0, 1, 2].item() == pytest.approx(torch.dot(embedding[0, :, 2, 1], embedding[0, :, 1, 2]).item() / 16, abs=1e-4)
    assert logits[1, 0, 0, 3].item() == pytest.approx(embedding[1, :, 0, 3].square().sum().item() / 16, rel=1e-4)


def test_total_is_equation_8() -> None:
    torch.manual_seed(0)
    output = Output(torch.randn(2), torch.randn(2, 1, 4, 4), torch.randn(2, 256, 4, 4))
    truth = Truth(torch.tensor([0.0, 1.0]), torch.rand(2, 1, 4, 4).round(), torch.rand(2, 1, 4, 4), torch.tensor([[0, 0], [3, 2]]))
    losses = total_loss(output, truth, lambda1=10, lambda2=100, gamma=2, smoothing=0.1)
    parts = losses.classification + 10 * losses.heatmap + 100 * losses.consistency
    assert losses.total.item() == pytest.approx(parts.item())
    predicted = expit(consistency_logits(output.embedding, truth.anchor).double().numpy())
    target = truth.consistency.double().numpy()
    cross_entropy = -(target * np.log(predicted) + (1 - target) * np.log(1 - predicted)).mean()
    assert losses.consistency.item() == pytest.approx(cross_entropy, rel=1e-4)


def test_consistency_loss_is_that_of_the_reference() -> None:
    """Recipe and value of ../shared/golden/README.md: its consistency term uses the first arg-max as anchor."""
    random = np.random.default_rng(5)
    heatmap = random.normal(0, 2, (4, 1, 96, 96))
    embedding = random.normal(0, 1, (4, 256, 96, 96))
    logit = random.normal(0, 1.5, (4, 1))[:, 0]
    row, column = np.mgrid[:96, :96]
    target = np.zeros((4, 1, 96, 96))
    target[0, 0] = np.exp(-((row - 30) ** 2 + (column - 40) ** 2) / (2 * 24**2))
    target[1, 0] = np.exp(-((row - 70) ** 2 + (column - 20) ** 2) / (2 * 12**2))
    truth = Truth(*map(torch.tensor, ([1.0, 1, 0, 0], np.zeros_like(target), target, [[30, 40], [70, 20], [0, 0], [0, 0]])))
    output = Output(torch.tensor(logit), torch.tensor(heatmap), torch.tensor(embedding))
    losses = total_loss(output, truth._replace(label=truth.label.double()), lambda1=10, lambda2=100, gamma=2, smoothing=0.0)
    assert 100 * losses.consistency.item() == pytest.approx(80.88956479653197, rel=1e-9)
    assert losses.classification.item() == pytest.approx(0.37941745971405827, rel=1e-9)
