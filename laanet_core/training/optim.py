"""SAM around Adam, its learning rate, and the frozen backbone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from laanet_core.model import LAANet
from laanet_core.params import TrainParams
from laanet_core.training.losses import Losses

_TINY = 1e-12


def make_optimizer(model: LAANet, params: TrainParams) -> torch.optim.Adam:
    """Adam over the whole network, with its weight decay in the gradient; a frozen part has no gradient and stays."""
    return torch.optim.Adam(model.parameters(), lr=params.learning_rate, weight_decay=params.weight_decay)


def learning_rate(step: int, steps: int, params: TrainParams) -> float:
    """Rate of a step (from 0) out of `steps`: from `learning_rate` linearly up to the peak at `warmup`, then linearly to 0."""
    turn = params.warmup * steps
    if step < turn:
        return params.learning_rate + (params.peak_learning_rate - params.learning_rate) * step / turn
    return params.peak_learning_rate * (steps - step) / (steps - turn)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give every parameter group this rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def set_train_mode(model: LAANet, frozen_backbone: bool) -> None:
    """Training mode; a frozen backbone has neither gradients nor new batch statistics, and no stochastic depth."""
    model.train()
    model.backbone.train(not frozen_backbone)
    model.backbone.requires_grad_(not frozen_backbone)


def sam_step(model: nn.Module, optimizer: torch.optim.Optimizer, rho: float, loss: Callable[[], Losses]) -> Losses:
    """One step of sharpness-aware minimisation (Foret et al. 2021): descend along the gradient taken rho uphill.

    loss: computes the losses of the same batch with the same random draws each time it is called. Returns the losses at the weights
    before the step. Batch statistics move in the first pass only. rho = 0 is the optimizer's ordinary step.
    """
    losses = _backward(optimizer, loss)
    if rho > 0:
        with perturbed(model.parameters(), rho), fixed_batch_statistics(model):
            _backward(optimizer, loss)
    optimizer.step()
    return losses


@contextmanager
def perturbed(parameters: Iterable[nn.Parameter], rho: float) -> Iterator[None]:
    """Move the parameters by rho g / ||g||, g all their gradients as one vector; put the very same values back at the end."""
    moved = [parameter for parameter in parameters if parameter.grad is not None]
    saved = [parameter.detach().clone() for parameter in moved]
    with torch.no_grad():
        gradients = [gradient for parameter in moved if (gradient := parameter.grad) is not None]
        scale = rho / (_norm(gradients) + _TINY)
        for parameter, gradient in zip(moved, gradients, strict=True):
            parameter.add_(gradient * scale)
    try:
        yield
    finally:
        with torch.no_grad():
            for parameter, value in zip(moved, saved, strict=True):
                parameter.copy_(value)


@contextmanager
def fixed_batch_statistics(model: nn.Module) -> Iterator[None]:
    """Batch norms use the batch's statistics as in training, but do not remember them."""
    remembering = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d) and module.track_running_stats]
    for module in remembering:
        module.track_running_stats = False
    try:
        yield
    finally:
        for module in remembering:
            module.track_running_stats = True


def _backward(optimizer: torch.optim.Optimizer, loss: Callable[[], Losses]) -> Losses:
    optimizer.zero_grad(set_to_none=True)
    losses = loss()
    losses.total.backward()  # type: ignore[no-untyped-call]
    return Losses(*(part.detach() for part in losses))


def _norm(gradients: Iterable[Tensor]) -> Tensor:
    """Length of all gradients as one vector."""
    lengths: Tensor = torch.stack([gradient.norm() for gradient in gradients])
    length: Tensor = torch.linalg.vector_norm(lengths)
    return length
