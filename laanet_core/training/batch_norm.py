"""Batch norm in trainings with two forward passes per step, and with several processes."""

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
    """Let batch norms use the batch's statistics without updating their running ones: momentum 0, counters restored afterwards."""
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
    """Compute every batch norm's statistics over the images of all processes, so that results do not depend on their number; in place.

    torch provides this for GPUs only; on a CPU, `SharedBatchNorm2d` is used.
    """
    if device.type == "cuda":
        convert_sync_batchnorm(model)
        return
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, SharedBatchNorm2d(child))


class SharedBatchNorm2d(nn.BatchNorm2d):
    """A batch norm with statistics over all processes, each with the same number of images.

    replaced: the layer whose parameters, statistics and (if it is one of timm) activation it takes over.
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
            self._update_running(mean.detach(), variance.detach(), features)
        scale = self.weight * (variance + self.eps).rsqrt()
        return centred * scale[:, None, None] + self.bias[:, None, None]

    def _update_running(self, mean: Tensor, variance: Tensor, features: Tensor) -> None:
        """Update the running statistics, the variance with its unbiased estimate."""
        count = mean_over_processes(mean.new_tensor(float(features.numel() // features.shape[1]))) * torch.distributed.get_world_size()
        running = [(self.running_mean, mean), (self.running_var, variance * count / (count - 1))]
        for statistic, value in running:
            if statistic is not None:
                statistic.lerp_(value, self.momentum or 0.0)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
