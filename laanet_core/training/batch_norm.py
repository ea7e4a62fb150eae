"""Batch norm in a training of two passes and of several processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from timm.layers import BatchNormAct2d, convert_sync_batchnorm
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from laanet_core.training.distributed import mean_over_processes


def batch_norms(model: nn.Module) -> list[_BatchNorm]:
    """The batch norms of a network."""
    return [module for module in model.modules() if isinstance(module, _BatchNorm)]


@contextmanager
def fixed_batch_statistics(norms: Sequence[_BatchNorm]) -> Iterator[None]:
    """Batch norms use the batch's statistics as in training, but do not remember them: their momentum is 0, their counters are put back."""
    momenta = [norm.momentum for norm in norms]
    counters = [norm.num_batches_tracked for norm in norms if norm.num_batches_tracked is not None]
    counted = list(torch.stack(counters).unbind()) if counters else []
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        if counters:
            torch._foreach_copy_(counters, counted)


def share_batch_statistics(model: nn.Module, device: torch.device) -> None:
    """Take every batch norm's statistics over the images of all processes, so that their number changes no result; in place.

    torch has this for GPUs alone; on a CPU it is `SharedBatchNorm2d`.
    """
    if device.type == "cuda":
        convert_sync_batchnorm(model)
        return
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, SharedBatchNorm2d(child))


class SharedBatchNorm2d(nn.BatchNorm2d):
    """A batch norm, timm's with an activation included, whose statistics are those of all processes; each has as many images.

    replaced: the layer whose parameters, statistics and activation it takes over.
    """

    def __init__(self, replaced: nn.BatchNorm2d) -> None:
        super().__init__(replaced.num_features, replaced.eps, replaced.momentum)
        self.__dict__.update({name: value for name, value in replaced.__dict__.items() if name in {"_parameters", "_buffers", "training"}})
        self.after = nn.Sequential(replaced.drop, replaced.act) if isinstance(replaced, BatchNormAct2d) else nn.Identity()

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        normalised: Tensor = self.after(self._normalise(features) if self.training else super().forward(features))
        return normalised

    def _normalise(self, features: Tensor) -> Tensor:
        mean = mean_over_processes(features.mean(dim=(0, 2, 3)))
        centred = features - mean[:, None, None]
        variance = mean_over_processes(centred.square().mean(dim=(0, 2, 3)))
        if self.momentum:
            self._remember(mean.detach(), variance.detach(), features)
        scale = self.weight * (variance + self.eps).rsqrt()
        return centred * scale[:, None, None] + self.bias[:, None, None]

    def _remember(self, mean: Tensor, variance: Tensor, features: Tensor) -> None:
        """Move the running statistics, the variance by its unbiased estimate."""
        count = mean_over_processes(mean.new_tensor(float(features.numel() // features.shape[1]))) * torch.distributed.get_world_size()
        running = [(self.running_mean, mean), (self.running_var, variance * count / (count - 1))]
        for remembered, value in running:
            if remembered is not None:
                remembered.lerp_(value, self.momentum or 0.0)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
