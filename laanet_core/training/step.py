"""A network that learns: one step of SAM on one batch, on any device, in any number of processes."""

from __future__ import annotations

import gc
import math
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from laanet_core.errors import LaanetError
from laanet_core.model import LAANet, Output
from laanet_core.params import Params
from laanet_core.training.batch import Batch, BatchTargets
from laanet_core.training.batch_norm import batch_norms, fixed_batch_statistics, share_batch_statistics
from laanet_core.training.distributed import mean_over_processes
from laanet_core.training.losses import Losses, total_loss
from laanet_core.training.optim import make_optimizer, set_learning_rate


class NotFinite(Exception):  # noqa: N818 - what was found, not a fault of the program
    """A loss or gradient that nothing can be learnt from. losses: of each pass; norm: of the gradient."""

    def __init__(self, losses: list[float], norm: float) -> None:
        super().__init__(f"loss {', '.join(f'{loss:g}' for loss in losses)}, gradient of norm {norm:g}")


class Learner:
    """A network with its optimizer, and the running average of its weights where `train.ema` asks for one.

    model: on the CPU or its device; it is changed in place. fabric: of `processes.open_fabric`.
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
        """The network that is validated and kept: the averaged one where there is one."""
        return self.model if self.average is None else cast(LAANet, self.average.module)

    def step(self, batch: Batch, rate: float, seed: int, *, frozen_backbone: bool) -> Losses:
        """One step of sharpness-aware minimisation: descend along the gradient found rho uphill.

        rate: learning rate; seed: of the network's random draws, which both passes share. Batch statistics move in the first pass only.
        Returns the losses at the weights before the step, over the images of all processes. Raises NotFinite instead of the update.
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
        return Losses(*mean_over_processes(torch.stack(losses)).unbind())

    def _gradients(self, images: Tensor, targets: BatchTargets, seed: int) -> Losses:
        """Put the gradient of Eq. 8 into the parameters; returns this process's losses."""
        self.optimizer.zero_grad(set_to_none=True)
        torch.manual_seed(seed + self.fabric.global_rank)
        several = self.fabric.world_size > 1
        losses, _ = batch_losses(self._network, images, targets, self.params, mean_positives(targets) if several else None)
        with fixed_batch_statistics(self._norms if self.params.train.recompute else []):  # what is recomputed has been remembered
            self.fabric.backward(losses.total)
        if self.params.train.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.params.train.clip_norm)
        return Losses(*(part.detach() for part in losses))

    def _check(self, *passes: Losses) -> float:
        """Raise NotFinite, in every process alike, unless the losses of each pass and the gradient are finite; returns the last loss."""
        gradients = [parameter.grad for parameter in self.model.parameters() if parameter.grad is not None]
        totals = [losses.total for losses in passes]
        values = mean_over_processes(torch.stack([*totals, nn.utils.get_total_norm(gradients)])).tolist()
        if not all(map(math.isfinite, values)):
            raise NotFinite(values[:-1], values[-1])
        return float(values[-2])

    def _set_mode(self, frozen_backbone: bool) -> None:
        """Training mode. What is frozen must be known when the processes' gradients are tied together: done anew when it changes."""
        set_train_mode(self.model, frozen_backbone)
        if self._network is None or frozen_backbone != self._frozen:
            self._network, self._frozen = None, frozen_backbone
            gc.collect()
            network = torch.compile(self.model) if self.params.train.compile else self.model
            self._network = self.fabric.setup_module(network)


def average_of(model: LAANet, decay: float | None) -> AveragedModel | None:
    """The running average of a network's weights, and of its batch statistics: the last step's would not be those of averaged weights."""
    if decay is None:
        return None
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)  # type: ignore[no-untyped-call]


def set_train_mode(model: LAANet, frozen_backbone: bool) -> None:
    """Training mode; a frozen backbone has neither gradients nor new batch statistics, and no stochastic depth."""
    model.train()
    model.backbone.train(not frozen_backbone)
    model.backbone.requires_grad_(not frozen_backbone)


def recompute_activations(model: LAANet) -> None:
    """Keep few activations of the backbone, compute the others again in the backward pass: less memory, more time."""
    try:
        model.backbone.network.set_grad_checkpointing(True)  # type: ignore[operator]
    except (AttributeError, AssertionError):
        raise LaanetError(f"train.recompute: {model.params.backbone!r} cannot recompute its activations; set it to false.") from None


def mean_positives(targets: BatchTargets) -> Tensor:
    """Number of pixels that are exactly 1 in the heat maps of all processes, at least 1, over the number of processes: a scalar."""
    return mean_over_processes((targets.heatmap == 1).sum().float()).clamp(min=1 / dist.get_world_size())


def to_device(model: LAANet, batch: Batch) -> tuple[Tensor, BatchTargets]:
    """A batch's images as the model wants them, and what is known of them, on the model's device."""
    images = model.normalise(batch.images).contiguous(memory_format=torch.channels_last)
    return images, BatchTargets(*(part.to(images.device, non_blocking=True) for part in batch.targets))


def batch_losses(
    network: Any, images: Tensor, targets: BatchTargets, params: Params, positives: Tensor | None = None
) -> tuple[Losses, Tensor]:
    """Losses of a batch from `to_device`, and its logits (2n,).

    network: the model, or what wraps it for training; positives: divisor of the official heat-map loss, by default counted in the batch.
    """
    output = Output(*network(images))
    train = params.train
    form: dict[str, Any] = {"gamma": train.gamma, "smoothing": train.label_smoothing, "recipe": train.recipe, "positives": positives}
    return total_loss(output, targets, lambda1=params.lambda1, lambda2=params.lambda2, **form), output.logit
