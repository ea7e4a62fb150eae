"""The optimizer, SAM around Adam, and its learning rate."""

from __future__ import annotations

from typing import cast

import torch
from torch import nn

from laanet_core.params import TrainParams


def make_optimizer(model: nn.Module, params: TrainParams) -> torch.optim.Optimizer:
    """Adam with L2 weight decay (added to the gradient) for all parameters, inside SAM (Foret et al. 2021) unless rho is 0.

    Parameters without a gradient, such as those of a frozen backbone, are not changed.
    """
    options = {"lr": params.learning_rate, "weight_decay": params.weight_decay}
    if next(model.parameters()).is_cuda:
        options["fused"] = True
    if params.rho == 0:
        return torch.optim.Adam(model.parameters(), **options)  # type: ignore[arg-type]
    from pytorch_optimizer import SAM

    return cast(torch.optim.Optimizer, SAM(model.parameters(), torch.optim.Adam, rho=params.rho, **options))


def learning_rate(step: int, steps: int, params: TrainParams) -> float:
    """Learning rate of a step (counted from 0) out of `steps`: linear from `learning_rate` to the peak at `warmup`, then linear to 0."""
    turn = params.warmup * steps
    if step < turn:
        return params.learning_rate + (params.peak_learning_rate - params.learning_rate) * step / turn
    return params.peak_learning_rate * (steps - step) / (steps - turn)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of every parameter group."""
    for group in optimizer.param_groups:
        group["lr"] = rate
