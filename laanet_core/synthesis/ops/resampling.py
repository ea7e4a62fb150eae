"""Pixel positions under resizing, and resizing and filtering along one side of an image as matrices."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def pixel_centres(count: int, length: int) -> NDArray[np.float32]:
    """Centres (count,) of `count` pixels in the coordinates of `length` pixels that cover the same extent."""
    return ((np.arange(count, dtype=np.float32) + 0.5) * (length / count) - 0.5).astype(np.float32)


def central_pixels(length: int, factor: float) -> NDArray[np.int64]:
    """For each of `length` pixels, the index of the central pixel of its block of about `factor` pixels, (length,).

    No pixel is shifted by more than half a block.
    """
    blocks = max(1, round(length / max(factor, 1.0)))
    return ((2 * (np.arange(length) * blocks // length) + 1) * length) // (2 * blocks)


def resize_matrices(targets: NDArray[np.int64], sources: NDArray[np.int64], rows: int, columns: int, device: torch.device) -> Tensor:
    """Matrices (B, rows, columns) that resize a side linearly from `sources` (B,) to `targets` (B,) pixels, padded with zeros."""
    count, length = (torch.as_tensor(sides, device=device)[:, None].float() for sides in (targets, sources))
    row, column = torch.arange(rows, device=device), torch.arange(columns, device=device)
    position = ((row + 0.5) * (length / count) - 0.5).clamp(min=0)
    position = torch.minimum(position, length - 1)
    weights = (1 - (position[..., None] - column).abs()).clamp(min=0)
    return weights * (row < count)[..., None]


def filter_matrices(taps: list[NDArray[np.float64]], sides: NDArray[np.int64], size: int, device: torch.device) -> Tensor:
    """Matrices (B, size, size) that filter a side of `sides` (B,) pixels with mirrored borders, padded with zeros.

    taps: symmetric filter taps of each item, an odd number of which half is shorter than the side.
    """
    longest = max(len(tap) // 2 for tap in taps)
    halves = np.stack([np.pad(tap[len(tap) // 2 :], (0, longest + 1 - len(tap) // 2)) for tap in taps])
    weights = torch.as_tensor(halves, dtype=torch.float32, device=device)
    last = torch.as_tensor(sides - 1, device=device)[:, None, None]
    row, column = torch.arange(size, device=device)[:, None], torch.arange(size, device=device)
    direct = weights[:, (row - column).abs().clamp(max=longest + 1)]
    over_first = weights[:, (row + column).clamp(max=longest + 1)] * (column > 0)
    beyond = (2 * last - row - column).clamp(0, longest + 1)
    over_last = weights.gather(1, beyond.flatten(1)).view(beyond.shape) * (column < last)
    return (direct + over_first + over_last) * ((row <= last) & (column <= last))


def gaussian_taps(kernel: int, sigma: float) -> NDArray[np.float64]:
    """OpenCV's Gaussian taps for an odd kernel size, (kernel,); with sigma 0, OpenCV derives sigma from the kernel size."""
    return np.asarray(cv2.getGaussianKernel(int(kernel), float(sigma)), np.float64)[:, 0]
