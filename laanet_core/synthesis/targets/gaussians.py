"""Gaussians around vulnerable points: adaptive radius (CornerNet, sec. 3.1) and combination into a heat map (Eq. 4)."""

from __future__ import annotations

import torch
from torch import Tensor

# e^-40 is negligible in a float32 sum that is clipped at 1, and its square is not denormal: denormal numbers are twenty times slower.
MIN_EXPONENT = -40.0


def gaussian_radius(width: Tensor, height: Tensor, iou: float) -> Tensor:
    """Largest r such that every box with corners within r of those of a width x height box overlaps it with IoU >= iou (CornerNet).

    Along each axis, the two sides of the box can move in the same direction, both inwards, or both outwards. The overlap decreases with
    every such move, so it is smallest if each corner has moved by (r, r), in one of the three cases below. Each case gives the smallest
    positive r at which its overlap equals the threshold; the result is the smallest of the three, which is case 2 for all sides and
    thresholds. Any shape, in the units of the sides.
    """
    shifted, inside, outside = (case(width, height, iou) for case in (shifted_radius, inside_radius, outside_radius))
    return torch.minimum(torch.minimum(shifted, inside), outside)


def shifted_radius(width: Tensor, height: Tensor, iou: float) -> Tensor:
    """Radius of case 1: one corner moves outwards and one inwards, so that the box keeps its size and is shifted by (r, r).

    With sides w, h and t = iou: the intersection is (w-r)(h-r), the union 2wh - (w-r)(h-r). IoU = t gives (w-r)(h-r) = 2t wh / (1+t),
    that is r^2 - (w+h) r + wh (1-t)/(1+t) = 0; the larger root is a shift beyond the box.
    """
    total, area = width + height, width * height
    return (total - (total**2 - 4 * area * (1 - iou) / (1 + iou)).sqrt()) / 2


def inside_radius(width: Tensor, height: Tensor, iou: float) -> Tensor:
    """Radius of case 2: both corners move inwards, so that the moved box is inside the box.

    With sides w, h and t = iou: the intersection is (w-2r)(h-2r), the union wh. IoU = t gives (w-2r)(h-2r) = t wh,
    that is 4 r^2 - 2(w+h) r + (1-t) wh = 0; the larger root is a box turned inside out.
    """
    total, area = width + height, width * height
    return (total - (total**2 - 4 * area * (1 - iou)).sqrt()) / 4


def outside_radius(width: Tensor, height: Tensor, iou: float) -> Tensor:
    """Radius of case 3: both corners move outwards, so that the box is inside the moved box.

    With sides w, h and t = iou: the intersection is wh, the union (w+2r)(h+2r). IoU = t gives t (w+2r)(h+2r) = wh,
    that is 4t r^2 + 2t(w+h) r - (1-t) wh = 0; the other root is negative.
    """
    total, area = width + height, width * height
    return (-total + (total**2 + 4 * area * (1 - iou) / iou).sqrt()) / 4


def gaussian_factors(points: Tensor, sigma: Tensor, size: int) -> Tensor:
    """Separable factors (n, 2, size) along rows and columns of unnormalised Gaussians (Eq. 4) at points (n, 2) as (row, column).

    sigma: standard deviations (n,) in pixels. The Gaussian at (i, j) is the product of the first factor at i and the second at j, and 1 at
    the point itself.
    """
    grid = torch.arange(size, device=points.device, dtype=sigma.dtype)
    steps = (grid - points[..., None]).div_(sigma[:, None, None])
    return steps.square_().mul_(-0.5).clamp_(min=MIN_EXPONENT).exp_()


def superpose_gaussians(rows: Tensor, columns: Tensor) -> Tensor:
    """The paper's heat maps (B, size, size): sum of n Gaussians per image, clipped at 1, from their factors, each (B, n, size)."""
    return torch.bmm(rows.transpose(1, 2), columns).clamp_(max=1)


def greatest_gaussian(rows: Tensor, columns: Tensor) -> Tensor:
    """The official heat maps (B, size, size): maximum of n > 0 Gaussians per image, from their factors, each (B, n, size).

    All n x B Gaussians are held in memory; there are at most four official points per image.
    """
    return (rows[..., None] * columns[..., None, :]).amax(dim=1)
