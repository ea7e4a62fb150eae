"""One training step: SAM on one batch, on any device, in any number of processes."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from laanet_core.errors import LaanetError
from laanet_core.heads.registry import head_weights
from laanet_core.heads.spec import LossContext, at_least_one
from laanet_core.model import LAANet, Output
from laanet_core.params import Params
from laanet_core.training.batch import Batch, BatchTargets
from laanet_core.training.batch_norm import batch_norms, fixed_batch_statistics, share_batch_statistics
from laanet_core.training.distributed import mean_over_processes
from laanet_core.training.losses import Losses, total_loss
from laanet_core.training.optim import make_optimizer, set_learning_rate


class NotFinite(Exception):  # noqa: N818 - a state of the training, not a fault of the program
    """A loss or gradient that is not finite. losses: of each forward pass; norm: of the gradient."""

    def __init__(self, losses: list[float], norm: float) -> None:
        super().__init__(f"loss {', '.join(f'{loss:g}' for loss in losses)}, gradient of norm {norm:g}")


class Learner:
    """A network with its optimizer, and the running average of its weights if `train.ema` is set.

    model: changed in place; fabric: from `distributed.open_fabric`.
    """

    def __init__(self, model: LAANet, params: Params, fabric: Any) -> None:
        self.params, self.fabric = params, fabric
        self.model = model.to(memory_format=torch.channels_last).to(fabric.device)
        if fabric.world_size > 1:
            share_batch_statistics(self.model, fabric.device)
        if params.train.recompute:
            recompute_activations(self.model)
        self.optimizer = make_optimizer(self.model, params.train)
        self.average = average_of(self.model, params.train.ema)
        self._norms = batch_norms(self.model)
        self._network: nn.Module | None = None
        self._frozen = False

    @property
    def eval_model(self) -> LAANet:
        """The network that is validated and saved: the averaged one if there is one."""
        return self.model if self.average is None else cast(LAANet, self.average.module)

    def step(self, batch: Batch, rate: float, seed: int, *, frozen_backbone: bool) -> Losses:
        """One step of sharpness-aware minimisation: descend along the gradient at the point rho uphill.

        rate: learning rate; seed: of dropout and stochastic depth, the same in both passes. Running batch statistics are updated in the
        first pass only. Returns the losses before the step, over the images of all processes. Raises NotFinite, before the update, if a
        loss or the gradient is not finite.
        """
        self._set_mode(frozen_backbone)
        set_learning_rate(self.optimizer, rate)
        images, targets = to_device(self.model, batch)
        losses = self._gradients(images, targets, seed)
        if self.params.train.rho:
            with fixed_batch_statistics(self._norms):
                self.optimizer.step(lambda: self._check(losses, self._gradients(images, targets, seed)))
        else:
            self._check(losses)
            self.optimizer.step()
        if self.average is not None:
            self.average.update_parameters(self.model)
        return losses.unstack(mean_over_processes(losses.stack()))

    def _gradients(self, images: Tensor, targets: BatchTargets, seed: int) -> Losses:
        """Compute the gradient of Eq. 8 in the parameters; returns this process's losses."""
        self.optimizer.zero_grad(set_to_none=True)
        torch.manual_seed(seed + self.fabric.global_rank)
        divisor = share_of_total if self.fabric.world_size > 1 else at_least_one
        losses, _ = batch_losses(self._network, images, targets, self.params, divisor)
        # recomputed activations must not update the batch statistics a second time
        with fixed_batch_statistics(self._norms if self.params.train.recompute else []):
            self.fabric.backward(losses.total)
        if self.params.train.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.params.train.clip_norm)
        return losses.unstack(losses.stack().detach())

    def _check(self, *passes: Losses) -> float:
        """Raise NotFinite, in all processes, unless the losses of each pass and the gradient are finite; returns the last loss."""
        gradients = [parameter.grad for parameter in self.model.parameters() if parameter.grad is not None]
        totals = [losses.total for losses in passes]
        values = mean_over_processes(torch.stack([*totals, nn.utils.get_total_norm(gradients)])).tolist()
        if not all(map(math.isfinite, values)):
            raise NotFinite(values[:-1], values[-1])
        return float(values[-2])

    def _set_mode(self, frozen_backbone: bool) -> None:
        """Set training mode. The network is wrapped for distributed training again when the frozen part changes."""
        set_train_mode(self.model, frozen_backbone)
        if self._network is None or frozen_backbone != self._frozen:
            self._network, self._frozen = None, frozen_backbone
            gc.collect()
            network = torch.compile(self.model) if self.params.train.compile else self.model
            self._network = self.fabric.setup_module(network)


def average_of(model: LAANet, decay: float | None) -> AveragedModel | None:
    """The running average of a network's weights and batch statistics, or None without a decay.

    Batch statistics are averaged as well, since those of the last step do not fit averaged weights.
    """
    if decay is None:
        return None
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)  # type: ignore[no-untyped-call]


def set_train_mode(model: LAANet, frozen_backbone: bool) -> None:
    """Set training mode; a frozen backbone has no gradients, no updates of batch statistics and no stochastic depth."""
    model.train()
    model.backbone.train(not frozen_backbone)
    model.backbone.requires_grad_(not frozen_backbone)


def recompute_activations(model: LAANet) -> None:
    """Enable activation checkpointing in the backbone: less memory, more time."""
    try:
        model.backbone.network.set_grad_checkpointing(True)  # type: ignore[operator]
    except (AttributeError, AssertionError):
        raise LaanetError(f"train.recompute: {model.params.backbone!r} cannot recompute its activations; set it to false.") from None


def share_of_total(count: Tensor) -> Tensor:
    """The sum of a count over all processes, at least 1, divided by the number of processes: a scalar."""
    return mean_over_processes(count.float()).clamp(min=1 / dist.get_world_size())


def to_device(model: LAANet, batch: Batch) -> tuple[Tensor, BatchTargets]:
    """A batch's images as the model's input, and its targets, on the model's device."""
    images = model.normalise(batch.images).contiguous(memory_format=torch.channels_last)
    return images, batch.targets.to(images.device)


def batch_losses(
    network: Any, images: Tensor, targets: BatchTargets, params: Params, divisor: Callable[[Tensor], Tensor] = at_least_one
) -> tuple[Losses, Tensor]:
    """Losses of a batch from `to_device`, and its logits (2n,).

    network: the model, or its wrapper for training; divisor: as in `LossContext`.
    """
    output = Output(*network(images))
    return total_loss(output, targets, head_weights(params), LossContext(params.train, divisor)), output.logit
