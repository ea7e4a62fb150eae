"""Where pixels lie when a side of an image changes its number of pixels, and linear maps along a side as matrices."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def centres(count: int, length: int) -> NDArray[np.float32]:
    """Where the centres of `count` pixels lie among those of `length` pixels over the same span, (count,)."""
    return ((np.arange(count, dtype=np.float32) + 0.5) * (length / count) - 0.5).astype(np.float32)


def central_pixels(length: int, factor: float) -> NDArray[np.int64]:
    """For each of `length` pixels the central one of its block of about `factor` pixels, (length,).

    Nothing is so shifted by more than half a block.
    """
    blocks = max(1, round(length / max(factor, 1.0)))
    return ((2 * (np.arange(length) * blocks // length) + 1) * length) // (2 * blocks)


def resizing(targets: NDArray[np.int64], sources: NDArray[np.int64], rows: int, columns: int, device: torch.device) -> Tensor:
    """Matrices (B, rows, columns) that resize a side linearly from `sources` (B,) to `targets` (B,) pixels; zeros beyond those."""
    count, length = (torch.as_tensor(sides, device=device)[:, None].float() for sides in (targets, sources))
    row, column = torch.arange(rows, device=device), torch.arange(columns, device=device)
    place = ((row + 0.5) * (length / count) - 0.5).clamp(min=0)
    place = torch.minimum(place, length - 1)
    weights = (1 - (place[..., None] - column).abs()).clamp(min=0)
    return weights * (row < count)[..., None]


def smoothing(taps: list[NDArray[np.float64]], sides: NDArray[np.int64], size: int, device: torch.device) -> Tensor:
    """Matrices (B, size, size) that filter a side of `sides` (B,) pixels, borders mirrored, with symmetric taps; zeros beyond the side.

    taps: for each item an odd number of them, its half shorter than the side.
    """
    longest = max(len(tap) // 2 for tap in taps)
    halves = np.stack([np.pad(tap[len(tap) // 2 :], (0, longest + 1 - len(tap) // 2)) for tap in taps])
    weights = torch.as_tensor(halves, dtype=torch.float32, device=device)
    last = torch.as_tensor(sides - 1, device=device)[:, None, None]
    row, column = torch.arange(size, device=device)[:, None], torch.arange(size, device=device)
    straight = weights[:, (row - column).abs().clamp(max=longest + 1)]
    over_first = weights[:, (row + column).clamp(max=longest + 1)] * (column > 0)
    beyond = (2 * last - row - column).clamp(0, longest + 1)
    over_last = weights.gather(1, beyond.flatten(1)).view(beyond.shape) * (column < last)
    return (straight + over_first + over_last) * ((row <= last) & (column <= last))


def gaussian_taps(kernel: int, sigma: float) -> NDArray[np.float64]:
    """OpenCV's taps of a Gaussian with an odd kernel, (kernel,); sigma 0: its own choice for the kernel."""
    return np.asarray(cv2.getGaussianKernel(int(kernel), float(sigma)), np.float64)[:, 0]
