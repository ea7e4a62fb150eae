"""SAM around Adam, and its learning rate."""

from __future__ import annotations

from typing import cast

import torch
from torch import nn

from laanet_core.params import TrainParams


def make_optimizer(model: nn.Module, params: TrainParams) -> torch.optim.Optimizer:
    """Adam over the whole network, its weight decay in the gradient, inside SAM (Foret et al. 2021) unless rho is 0.

    A part that has no gradient, as a frozen one, stays as it is.
    """
    options = {"lr": params.learning_rate, "weight_decay": params.weight_decay}
    if next(model.parameters()).is_cuda:
        options["fused"] = True
    if params.rho == 0:
        return torch.optim.Adam(model.parameters(), **options)  # type: ignore[arg-type]
    from pytorch_optimizer import SAM

    return cast(torch.optim.Optimizer, SAM(model.parameters(), torch.optim.Adam, rho=params.rho, **options))


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
