"""Training targets from blending masks: vulnerable points, heat map and consistency (Eq. 2, 3, 4 and 7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import interpolate
from torch.nn.utils.rnn import pad_sequence

from laanet_core.errors import LaanetError
from laanet_core.params import Recipe
from laanet_core.synthesis.blending import blending_boundary
from laanet_core.synthesis.targets.gaussians import gaussian_factors, gaussian_radius
from laanet_core.synthesis.targets.recipes import TARGET_RECIPES, pick_recipe


class Targets(NamedTuple):
    """Targets of a batch at the heads' resolution.

    heatmap, consistency: float32 (B, 1, size, size) in [0, 1]; points: vulnerable points of each image, int64 (n, 2) as (row, column);
    anchor: int64 (B, 2) as (row, column), the point p^s of the consistency; on a real image any pixel (paper) or the first (official).
    """

    heatmap: Tensor
    consistency: Tensor
    points: list[Tensor]
    anchor: Tensor


def encode_targets(
    mask: Tensor,
    size: int,
    recipe: Recipe = "paper",
    draws: Tensor | None = None,
    iou: float = 0.7,
    ratio: Tensor | None = None,
) -> Targets:
    """Encode the targets of blending masks, on the masks' device.

    mask: (B, 1, H, W) in [0, 1]; a mask of 0 is a real image, with no points, heat map 0 and consistency 1 (paper) or 0 (official). size:
    side of the targets, to which masks are averaged down before Eq. 2. recipe: see `recipes`. draws: (B,) in [0, 1), selects the paper's
    anchor among the points of each image; None selects the first (B is equal at all of them). iou: threshold t of the radius. ratio: (B,)
    in (0, 1], blend ratio by which each mask was scaled, used by the official recipe only; None means 1.
    Raises LaanetError for another shape, a value out of range, or an unknown recipe.
    """
    steps = pick_recipe(TARGET_RECIPES, recipe)
    _check(mask, size, ratio)
    resized = shrink(steps.mask(mask.float(), ratio), size)[:, 0]
    boundary = blending_boundary(resized)
    peaks = steps.points(boundary)
    points, counts = peaks.nonzero()[:, 1:], peaks.sum(dim=(1, 2))
    width, height = (side[peaks] for side in steps.extent(resized, boundary))
    gaussians = gaussian_factors(points, gaussian_radius(width, height, iou) / 3, size)
    heatmap = _heatmap(gaussians, counts, steps.combine)
    anchor = steps.anchor(boundary, peaks, draws)
    matrix, blended = consistency(boundary, anchor), resized.amax(dim=(1, 2), keepdim=True) > 0
    matrix = torch.where(blended, matrix, steps.real_consistency(matrix))
    return Targets(heatmap[:, None], matrix[:, None], list(points.split_with_sizes(counts.tolist())), anchor)


def _check(mask: Tensor, size: int, ratio: Tensor | None) -> None:
    if mask.ndim != 4 or mask.shape[1] != 1 or not mask.numel() or size < 1:
        raise LaanetError(f"mask: shape {tuple(mask.shape)} for targets of size {size}; give (B, 1, H, W) and a positive size.")
    low, high = mask.aminmax()
    if not (low >= 0 and high <= 1):
        raise LaanetError(f"mask: values from {low:g} to {high:g}; give blending masks in [0, 1].")
    if ratio is not None and not (ratio.shape == mask.shape[:1] and ((ratio > 0) & (ratio <= 1)).all()):
        raise LaanetError(f"ratio: {ratio.tolist()}; give the blend ratio of each of the {len(mask)} masks, in (0, 1].")


def shrink(mask: Tensor, size: int) -> Tensor:
    """Average masks (B, 1, H, W) down to (B, 1, size, size), as `encode_targets` does before Eq. 2."""
    return mask if mask.shape[-2:] == (size, size) else interpolate(mask, size=(size, size), mode="area")


def _heatmap(gaussians: Tensor, counts: Tensor, combine: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Heat maps (B, D, D) from Gaussian factors (n, 2, D) of all points, sorted by image; counts: (B,), number of points per image.

    Images are padded with zero Gaussians to equal numbers of points. Images without points (the real half of a batch) are skipped.
    """
    heatmap = gaussians.new_zeros(len(counts), gaussians.shape[-1], gaussians.shape[-1])
    fake = counts > 0
    if len(gaussians):
        padded = pad_sequence(list(gaussians.split_with_sizes(counts[fake].tolist())), batch_first=True)
        heatmap[fake] = combine(*padded.unbind(dim=2))
    return heatmap


def consistency(boundary: Tensor, anchor: Tensor) -> Tensor:
    """C = 1 - |b_uv - B| (Eq. 7) for boundaries B (B, D, D) and anchors (B, 2) as (row, column): (B, D, D)."""
    image = torch.arange(len(boundary), device=boundary.device)
    value = boundary[image, anchor[:, 0], anchor[:, 1]]
    return 1 - (value[:, None, None] - boundary).abs()
