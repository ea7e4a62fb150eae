"""Device, precision and processes of a training, managed by Lightning Fabric; `torchrun` starts several processes."""

from __future__ import annotations

import os
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch import distributed as dist

from laanet_core.runtime.executor import whole_number

T = TypeVar("T")


def open_fabric() -> Any:
    """Start Fabric in this process: bf16 autocast on a GPU, float32 on a CPU; with distributed training under torchrun."""
    from lightning_fabric import Fabric
    from lightning_fabric.strategies.ddp import DDPStrategy

    several = dist.is_torchelastic_launched() and os.environ["WORLD_SIZE"] != "1"
    on_gpu = torch.cuda.is_available()
    local = int(os.environ["LOCAL_WORLD_SIZE"]) if several else 1
    fabric = Fabric(
        accelerator="cuda" if on_gpu else "cpu",
        devices=local,
        num_nodes=int(os.environ["WORLD_SIZE"]) // local if several else 1,
        # batch statistics are already computed over all processes
        strategy=DDPStrategy(broadcast_buffers=False, gradient_as_bucket_view=True) if several else "auto",
        precision="bf16-mixed" if on_gpu else "32-true",
    )
    fabric.launch()
    return fabric


def process_count() -> int:
    """LAANET_PROCESSES, the number of processes that the train stage starts (one per GPU); 1 if not set."""
    return whole_number("LAANET_PROCESSES", os.environ.get("LAANET_PROCESSES", "1"), ", such as the number of GPUs")


def mean_over_processes(values: Tensor) -> Tensor:
    """Mean over all processes, differentiable; the values themselves if there is one process."""
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return values
    mean: Tensor = _Mean.apply(values)
    return mean


def gather_objects(part: T) -> list[T]:
    """Collect an object from every process, in the order of ranks."""
    if not dist.is_initialized():
        return [part]
    parts: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(parts, part)
    return parts


class _Mean(torch.autograd.Function):
    """Mean over the processes; the backward pass is the same operation."""

    @staticmethod
    def forward(_context: Any, values: Tensor) -> Tensor:
        """Any shape, the same on every process."""
        return _mean(values)

    @staticmethod
    def backward(_context: Any, gradient: Tensor) -> Tensor:
        """The mean of the processes' gradients."""
        return _mean(gradient)


def _mean(values: Tensor) -> Tensor:
    total = values.clone(memory_format=torch.contiguous_format)
    dist.all_reduce(total)
    return total / dist.get_world_size()
