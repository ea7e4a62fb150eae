"""A training batch: images and targets."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class BatchTargets(NamedTuple):
    """Targets of B images.

    label: float32 (B,), 1 fake, 0 real; of_heads: target tensors of the auxiliary heads by name, each with one entry per image
    (`HeadSpec.targets`).
    """

    label: Tensor
    of_heads: dict[str, Tensor]

    def named(self) -> dict[str, Tensor]:
        """All tensors by name, the labels as `label`."""
        return {"label": self.label, **self.of_heads}

    def to(self, device: torch.device) -> BatchTargets:
        """The same targets on a device; a copy from pinned memory is asynchronous."""
        moved = {name: tensor.to(device, non_blocking=True) for name, tensor in self.of_heads.items()}
        return BatchTargets(self.label.to(device, non_blocking=True), moved)


class Batch(NamedTuple):
    """n real crops followed by their n fakes: images uint8 (2n, 3, H, W), targets, and the source of each image (`shard: member`)."""

    images: Tensor
    targets: BatchTargets
    items: list[str]
