"""What LAA-Net learns from a blending mask: vulnerable points, heat map and consistency (Eq. 2, 3, 4 and 7)."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from laanet_core.errors import LaanetError
from laanet_core.synthesis.blending import blending_boundary

# Masks blend 8-bit images: values of M within half an 8-bit step of the arg-max are one value, 4 (1/510)^2 apart in B at M = 1/2,
TIE = 255**-2
# and an M below one 8-bit step leaves no blend to be seen.
VISIBLE = 1 / 255
# e^-40 adds nothing to a float32 sum that is clipped at 1, and its square is no denormal number, which would cost twenty times the time.
SMALLEST_EXPONENT = -40.0


class Targets(NamedTuple):
    """Targets of a batch at the heads' resolution.

    heatmap, consistency: float32 (B, 1, size, size) in [0, 1]; points: for each image its vulnerable points, int64 (n, 2) as (row, column);
    anchor: int64 (B, 2), the point p^s that the consistency refers to, any pixel on a real image.
    """

    heatmap: Tensor
    consistency: Tensor
    points: list[Tensor]
    anchor: Tensor


def encode_targets(
    mask: Tensor, size: int, recipe: Literal["paper"] = "paper", generator: torch.Generator | None = None, iou: float = 0.7
) -> Targets:
    """Targets of blending masks (B, 1, H, W) in [0, 1], on the mask's device.

    size: side of the targets; the mask is averaged down to it before Eq. 2. A mask of 0 is a real image: no points, heat map 0,
    consistency 1. generator: draws the anchor among the points (without one it is the first: B is the same at all of them);
    iou: threshold t of the radius. Raises LaanetError for another shape, a value outside [0, 1], or an unknown recipe.
    """
    _check(mask, size, recipe)
    resized = _resize(mask.float(), size)[:, 0]
    boundary = blending_boundary(resized)
    peaks = vulnerable_points(boundary)
    width, height = region_extent(resized)
    heatmaps, points = [], []
    for is_peak, across, down in zip(peaks, width, height, strict=True):
        found = is_peak.nonzero()
        radius = gaussian_radius(across[is_peak], down[is_peak], iou)
        heatmaps.append(superpose_gaussians(found, radius / 3, size))
        points.append(found)
    anchor = _draw_anchors(peaks, generator)
    return Targets(torch.stack(heatmaps)[:, None], consistency(boundary, anchor)[:, None], points, anchor)


def _check(mask: Tensor, size: int, recipe: str) -> None:
    if recipe != "paper":
        raise LaanetError(f"recipe: {recipe!r}; the only target recipe is 'paper'.")
    if mask.ndim != 4 or mask.shape[1] != 1 or not mask.numel() or size < 1:
        raise LaanetError(f"mask: shape {tuple(mask.shape)} for targets of size {size}; give (B, 1, H, W) and a positive size.")
    if not (mask.amin() >= 0 and mask.amax() <= 1):
        raise LaanetError(f"mask: values from {mask.amin():g} to {mask.amax():g}; a blending mask lies in [0, 1].")


def _resize(mask: Tensor, size: int) -> Tensor:
    return mask if mask.shape[-2:] == (size, size) else interpolate(mask, size=(size, size), mode="area")


def vulnerable_points(boundary: Tensor) -> Tensor:
    """Whether each pixel of B (B, D, D) is one of the arg-max of its image (Eq. 3): bool (B, D, D), none where B is 0 (a real image).

    Values that 8-bit blending cannot tell apart are equal. With a blend ratio of 1/2 or less, B is greatest on the whole inside of the
    mask, and all of it is vulnerable.
    """
    peak = boundary.amax(dim=(1, 2), keepdim=True)
    return (boundary >= peak - TIE) & (peak > VISIBLE)


def region_extent(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Width and height (B, D, D) of the blended region through each pixel: lengths in pixels of its runs along row and column.

    The region is where M (B, D, D) is visible, from one side of the boundary B to the other, its inside included (else a point's
    size would jump when the blend ratio reaches 1 and B vanishes there); outside it both are 1, the pixel itself.
    """
    blended = mask > VISIBLE
    return _run_lengths(blended), _run_lengths(blended.transpose(1, 2)).transpose(1, 2)


def _run_lengths(inside: Tensor) -> Tensor:
    """Length of the run of True along the last axis that each element belongs to, 1 for False."""
    position = torch.arange(inside.shape[-1], device=inside.device).expand(inside.shape)
    before = torch.where(inside, -1, position).cummax(dim=-1).values
    after = torch.where(inside, inside.shape[-1], position).flip(-1).cummin(dim=-1).values.flip(-1)
    return torch.where(inside, after - before - 1, 1).float()


def gaussian_radius(width: Tensor, height: Tensor, iou: float) -> Tensor:
    """Largest r such that every box with corners within r of those of a width x height box overlaps it with IoU >= t (CornerNet, sec. 3.1).

    The overlap is least in one of three cases, each with both corners displaced by (r, r); w, h, t as above:
    1. shifted: one corner outwards and one inwards. Intersection (w-r)(h-r), union 2wh - (w-r)(h-r), so that
       r^2 - (w+h) r + wh (1-t)/(1+t) = 0;
    2. inside: both inwards. IoU (w-2r)(h-2r) / wh, so that 4r^2 - 2(w+h) r + (1-t) wh = 0;
    3. outside: both outwards. IoU wh / ((w+2r)(h+2r)), so that 4t r^2 + 2t(w+h) r - (1-t) wh = 0.
    In each the radius is the smallest positive root, and the answer is the least of the three. Any shape, same units as the sides.
    """
    total, area = width + height, width * height
    shifted = (total - (total**2 - 4 * area * (1 - iou) / (1 + iou)).sqrt()) / 2
    inside = (total - (total**2 - 4 * area * (1 - iou)).sqrt()) / 4
    outside = (-total + (total**2 + 4 * area * (1 - iou) / iou).sqrt()) / 4
    return torch.minimum(torch.minimum(shifted, inside), outside)


def superpose_gaussians(points: Tensor, sigma: Tensor, size: int) -> Tensor:
    """Sum of unnormalised Gaussians (Eq. 4) around points (n, 2) with deviations (n,), clipped at 1: (size, size), 0 without points.

    A Gaussian is the product of one along the row and one along the column, so that the sum over points is one matrix product.
    """
    grid = torch.arange(size, device=points.device, dtype=torch.float32)
    steps = (grid - points[..., None]) / sigma[:, None, None]
    rows, columns = torch.exp((steps**2 / -2).clamp(min=SMALLEST_EXPONENT)).unbind(dim=1)
    return (rows.T @ columns).clamp(max=1)


def consistency(boundary: Tensor, anchor: Tensor) -> Tensor:
    """C = 1 - |b_uv - B| (Eq. 7) of B (B, D, D) for anchors (B, 2) as (row, column): (B, D, D)."""
    image = torch.arange(len(boundary), device=boundary.device)
    value = boundary[image, anchor[:, 0], anchor[:, 1]]
    return 1 - (value[:, None, None] - boundary).abs()


def _draw_anchors(peaks: Tensor, generator: torch.Generator | None) -> Tensor:
    """One of the points of each image (B, 2), uniformly; where there is none, B is 0 and all its pixels are arg-max."""
    flat = peaks.flatten(1)
    candidates = torch.where(flat.any(dim=1, keepdim=True), flat, True)
    if generator is None:
        chosen = candidates.int().argmax(dim=1)
    else:
        draws = torch.rand(len(flat), generator=generator, device=generator.device).to(flat.device)
        rank = (draws * candidates.sum(dim=1)).long()
        chosen = (candidates.cumsum(dim=1) <= rank[:, None]).sum(dim=1)
    return torch.stack([chosen // peaks.shape[-1], chosen % peaks.shape[-1]], dim=1)
