"""Indexing batches of channels-last images through NumPy, because PyTorch indexes such tensors byte by byte on a CPU."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def take(images: Tensor, items: NDArray[np.int64]) -> Tensor:
    """Copy the images (B, C, H, W) at the given indices, as channels-last."""
    pictures = images.permute(0, 2, 3, 1)
    if images.is_cpu:
        return torch.from_numpy(pictures.numpy()[items]).permute(0, 3, 1, 2)
    return pictures[torch.from_numpy(items)].permute(0, 3, 1, 2)


def put(images: Tensor, items: NDArray[np.int64], values: Tensor) -> None:
    """Replace the images of a batch (B, C, H, W) at the given indices by images (n, C, H, W), in place."""
    pictures, written = (part.permute(0, 2, 3, 1) for part in (images, values))
    if images.is_cpu:
        pictures.numpy()[items] = written.numpy()
    else:
        pictures[torch.from_numpy(items)] = written
