"""Gaussians around vulnerable points: their adaptive radius (CornerNet, sec. 3.1) and how they make one heat map (Eq. 4)."""

from __future__ import annotations

import torch
from torch import Tensor

# e^-40 adds nothing to a float32 sum that is clipped at 1, and its square is no denormal number, which would cost twenty times the time.
SMALLEST_EXPONENT = -40.0


def gaussian_radius(width: Tensor, height: Tensor, iou: float) -> Tensor:
    """Largest r such that every box with corners within r of those of a width x height box overlaps it with IoU >= iou (CornerNet).

    Across or down, one side of the box may move outwards and the other inwards, or both inwards, or both outwards, and an overlap falls
    with every such move: it is least where each corner has moved by (r, r), in one of the three cases below. Each gives the smallest
    positive r at which its overlap is the threshold, and the answer is the least of the three, which turns out to be case 2 for all sides
    and thresholds. Any shape, same units as the sides.
    """
    shifted, inside, outside = (case(width, height, iou) for case in (shifted_radius, inside_radius, outside_radius))
    return torch.minimum(torch.minimum(shifted, inside), outside)


def shifted_radius(width: Tensor, height: Tensor, iou: float) -> Tensor:
    """Radius of case 1: one corner moves outwards and one inwards, so that the box keeps its size and is shifted by (r, r).

    With sides w, h and t = iou: the intersection is (w-r)(h-r), the union 2wh - (w-r)(h-r). IoU = t makes (w-r)(h-r) = 2t wh / (1+t),
    that is r^2 - (w+h) r + wh (1-t)/(1+t) = 0; the larger root is a shift beyond the box.
    """
    total, area = width + height, width * height
    return (total - (total**2 - 4 * area * (1 - iou) / (1 + iou)).sqrt()) / 2


def inside_radius(width: Tensor, height: Tensor, iou: float) -> Tensor:
    """Radius of case 2: both corners move inwards, so that the moved box lies in the box.

    With sides w, h and t = iou: the intersection is (w-2r)(h-2r), the union wh. IoU = t makes (w-2r)(h-2r) = t wh,
    that is 4 r^2 - 2(w+h) r + (1-t) wh = 0; the larger root is a box turned inside out.
    """
    total, area = width + height, width * height
    return (total - (total**2 - 4 * area * (1 - iou)).sqrt()) / 4


def outside_radius(width: Tensor, height: Tensor, iou: float) -> Tensor:
    """Radius of case 3: both corners move outwards, so that the box lies in the moved box.

    With sides w, h and t = iou: the intersection is wh, the union (w+2r)(h+2r). IoU = t makes t (w+2r)(h+2r) = wh,
    that is 4t r^2 + 2t(w+h) r - (1-t) wh = 0; the other root is negative.
    """
    total, area = width + height, width * height
    return (-total + (total**2 + 4 * area * (1 - iou) / iou).sqrt()) / 4


def gaussian_factors(points: Tensor, sigma: Tensor, size: int) -> Tensor:
    """Unnormalised Gaussians (Eq. 4) of points (n, 2) with deviations (n,), in pixels, as factors along rows and columns: (n, 2, size).

    The Gaussian at (i, j) is the first factor at i times the second at j, 1 at the point itself.
    """
    grid = torch.arange(size, device=points.device, dtype=sigma.dtype)
    steps = (grid - points[..., None]).div_(sigma[:, None, None])
    return steps.square_().mul_(-0.5).clamp_(min=SMALLEST_EXPONENT).exp_()


def superpose_gaussians(rows: Tensor, columns: Tensor) -> Tensor:
    """The paper's heat maps: sum of n Gaussians an image, clipped at 1, from their factors (B, n, size) twice: (B, size, size)."""
    return torch.bmm(rows.transpose(1, 2), columns).clamp_(max=1)


def greatest_gaussian(rows: Tensor, columns: Tensor) -> Tensor:
    """The official heat maps: maximum of n > 0 Gaussians an image, from their factors (B, n, size) twice: (B, size, size).

    Takes the memory of all n x B of them; the official points are at most four an image.
    """
    return (rows[..., None] * columns[..., None, :]).amax(dim=1)
