"""One step: SAM, batch statistics, freezing, clipping, averaging, recomputation, the learning rate."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from laanet_core.errors import LaanetError
from laanet_core.model import LAANet
from laanet_core.params import Params
from laanet_core.training.batch import Batch
from laanet_core.training.distributed import open_fabric
from laanet_core.training.optim import learning_rate
from laanet_core.training.step import Learner, NotFinite, batch_losses, set_train_mode, to_device
from laanet_core.training.trainer import start_model
from tests.helpers.training_set import batches_of, params_of

pytestmark = pytest.mark.slow

RATE, SEED = 1e-3, 7


@pytest.fixture(scope="module")
def batch(dataset: Path) -> Batch:
    return next(iter(batches_of(dataset, params_of())))


def learner_of(params: Params) -> Learner:
    return Learner(start_model(params, Path()), params, open_fabric())


def gradients(model: LAANet, batch: Batch, params: Params) -> list[Tensor]:
    """Gradient of the loss at a model's weights; weights and statistics are not changed."""
    twin = copy.deepcopy(model)
    torch.manual_seed(SEED)
    batch_losses(twin, *to_device(twin, batch), params)[0].total.backward()  # type: ignore[no-untyped-call]
    return [parameter.grad for parameter in twin.parameters() if parameter.grad is not None]


@pytest.mark.parametrize("rho", [0.0, 0.05])
def test_a_step_is_adam_with_the_gradient_at_the_weights_perturbed_by_rho(batch: Batch, rho: float) -> None:
    params = params_of(rho=rho)
    learner = learner_of(params)
    set_train_mode(learner.model, frozen_backbone=False)
    expected, uphill = copy.deepcopy(learner.model), copy.deepcopy(learner.model)
    here = gradients(expected, batch, params)
    length = torch.cat([gradient.flatten() for gradient in here]).double().norm()
    with torch.no_grad():
        for parameter, gradient in zip(uphill.parameters(), here, strict=True):
            parameter.add_(rho / length.float() * gradient)
    adam = torch.optim.Adam(expected.parameters(), lr=RATE, weight_decay=params.train.weight_decay)
    for parameter, gradient in zip(expected.parameters(), gradients(uphill, batch, params), strict=True):
        parameter.grad = gradient
    adam.step()
    before = [parameter.detach().clone() for parameter in learner.model.parameters()]
    learner.step(batch, RATE, SEED, frozen_backbone=False)
    mine, theirs = (
        torch.cat([(now - old).detach().flatten() for now, old in zip(model.parameters(), before, strict=True)])
        for model in (learner.model, expected)
    )
    # Adam's first step is the sign of the gradient: where that is nearly 0, the last bit decides
    assert ((mine - theirs).abs() < 0.01 * RATE).float().mean() > 0.999


def test_batch_statistics_move_in_the_first_pass_only(batch: Batch) -> None:
    params = params_of()
    learner = learner_of(params)
    once = copy.deepcopy(learner.model).train()
    torch.manual_seed(SEED)
    batch_losses(once, *to_device(once, batch), params)
    learner.step(batch, RATE, SEED, frozen_backbone=False)
    for name, value in once.named_buffers():
        assert torch.equal(learner.model.get_buffer(name), value), name


def test_a_frozen_backbone_does_not_change_and_the_rest_does(batch: Batch) -> None:
    learner = learner_of(params_of())
    before = {name: value.clone() for name, value in learner.model.state_dict().items()}
    learner.step(batch, RATE, SEED, frozen_backbone=True)
    changed = {name for name, value in learner.model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {name for name in before if not name.startswith("backbone.")}
    learner.step(batch, RATE, SEED, frozen_backbone=False)
    assert not torch.equal(learner.model.state_dict()["backbone.network.conv_stem.weight"], before["backbone.network.conv_stem.weight"])


def test_the_optimizer_does_not_step_if_a_pass_is_not_finite(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    learner = learner_of(params_of())
    gradients, seen = learner._gradients, []

    def second_is_lost(*values: Any) -> Any:
        seen.append(gradients(*values))
        return seen[-1] if len(seen) == 1 else seen[-1]._replace(total=torch.tensor(torch.nan))

    monkeypatch.setattr(learner, "_gradients", second_is_lost)
    with pytest.raises(NotFinite, match=r"loss [\d.]+, nan, gradient of norm [\d.]+"):
        learner.step(batch, RATE, SEED, frozen_backbone=False)
    assert not any("exp_avg" in state for state in learner.optimizer.state.values()), "Adam has not been asked"


def test_clipping_bounds_the_gradient_of_the_step(batch: Batch) -> None:
    learner = learner_of(params_of(clip_norm=0.5))
    learner.step(batch, RATE, SEED, frozen_backbone=False)
    norm = torch.cat([parameter.grad.flatten() for parameter in learner.model.parameters() if parameter.grad is not None]).norm()
    assert norm.item() == pytest.approx(0.5, rel=1e-3)
    free = learner_of(params_of())
    free.step(batch, RATE, SEED, frozen_backbone=False)
    assert torch.cat([parameter.grad.flatten() for parameter in free.model.parameters() if parameter.grad is not None]).norm() > 0.5


def test_the_average_is_exponential_and_is_the_network_that_is_evaluated(batch: Batch) -> None:
    learner = learner_of(params_of(ema=0.75))
    names = ("classifier.0.weight", "classifier.1.running_mean", "classifier.1.running_var")
    values = []
    for seed in range(3):
        learner.step(batch, RATE, seed, frozen_backbone=False)
        values.append({name: learner.model.state_dict()[name].clone() for name in names})
    for name in names:
        expected = 0.75 * (0.75 * values[0][name] + 0.25 * values[1][name]) + 0.25 * values[2][name]
        torch.testing.assert_close(learner.eval_model.state_dict()[name], expected)
        assert not torch.equal(learner.eval_model.state_dict()[name], learner.model.state_dict()[name])
    plain = learner_of(params_of())
    assert plain.eval_model is plain.model


@pytest.mark.parametrize(("option", "rho", "tolerance"), [("recompute", 0.05, 0.0), ("compile", 0.0, 0.01)])
def test_recomputation_and_compilation_do_not_change_a_step(batch: Batch, option: str, rho: float, tolerance: float) -> None:
    if option == "compile" and shutil.which("g++") is None:
        pytest.skip("torch.compile on a CPU needs a C++ compiler")
    changes: dict[str, Any] = {option: True}
    learners = [learner_of(params_of(model={"dropout": 0, "drop_path": 0}, rho=rho, **extra)) for extra in ({}, changes)]
    losses = [learner.step(batch, RATE, SEED, frozen_backbone=False).stack() for learner in learners]
    torch.testing.assert_close(*losses)
    mine, theirs = (
        torch.cat([parameter.grad.flatten() for parameter in learner.model.parameters() if parameter.grad is not None])
        for learner in learners
    )
    # single precision alone moves the gradient by 0.4 % from that of double precision in so small a batch
    assert (mine - theirs).norm() <= tolerance * theirs.norm()
    for (name, value), other in zip(learners[0].model.named_buffers(), learners[1].model.buffers(), strict=True):
        torch.testing.assert_close(other, value, msg=name)


def test_a_backbone_that_cannot_recompute_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    params = params_of(recompute=True)
    model = start_model(params, Path())
    monkeypatch.delattr(type(model.backbone.network), "set_grad_checkpointing")
    with pytest.raises(LaanetError, match=r"train\.recompute: 'test_efficientnet' cannot recompute"):
        Learner(model, params, open_fabric())


def test_learning_rate_rises_to_the_peak_and_falls_to_zero() -> None:
    recipe = params_of(learning_rate=5e-5, peak_learning_rate=2e-4, warmup=0.25).train
    rates = [learning_rate(step, 400, recipe) for step in range(401)]
    assert rates[0] == pytest.approx(5e-5)
    assert rates[50] == pytest.approx(1.25e-4)
    assert rates[100] == pytest.approx(2e-4)
    assert rates[250] == pytest.approx(1e-4)
    assert rates[400] == 0
    assert learning_rate(0, 10, params_of(warmup=0.0, peak_learning_rate=2e-4).train) == pytest.approx(2e-4)


def test_an_optimizer_holds_every_parameter_once() -> None:
    learner = learner_of(params_of())
    held = [parameter for group in learner.optimizer.param_groups for parameter in group["params"]]
    assert len(held) == len({id(parameter) for parameter in held}) == len(list(learner.model.parameters()))
    assert isinstance(learner.model, nn.Module)
