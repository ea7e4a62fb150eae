"""The six differences between the paper's and the official targets (docs/paper_and_official.md, section 4), each a pair of functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.nn.functional import pad

from laanet_core.errors import LaanetError
from laanet_core.params import Recipe
from laanet_core.synthesis.targets.gaussians import greatest_gaussian, superpose_gaussians

TIE_TOLERANCE = 255**-2
"""Values of B closer than this are equal: masks blend 8-bit images, and half an 8-bit step of M at 1/2 changes B by 4 (1/510)^2."""
MIN_VISIBLE = 1 / 255
"""Smaller values of M or B, below one 8-bit step, are an invisible blend."""
MIN_BOUNDARY = 0.5
"""B at the border of the official region through a point, where the two images contribute 0.85 and 0.15."""

_Choice = TypeVar("_Choice")


def pick_recipe(recipes: Mapping[Recipe, _Choice], name: Recipe) -> _Choice:
    """The recipe with this name; raises LaanetError if there is none."""
    if name not in recipes:
        raise LaanetError(f"recipe: {name!r} is unknown; give one of {', '.join(map(repr, recipes))}.")
    return recipes[name]


def scaled_mask(mask: Tensor, ratio: Tensor | None) -> Tensor:
    """The paper's M (B, 1, H, W): the mask that blends (Eq. 1), including its blend ratio."""
    return mask


def unscaled_mask(mask: Tensor, ratio: Tensor | None) -> Tensor:
    """The official M (B, 1, H, W): the mask before it was scaled by its blend ratio (B,); unchanged if `ratio` is None."""
    return mask if ratio is None else (mask / ratio.to(mask)[:, None, None, None]).clamp(max=1)


def all_maxima(boundary: Tensor) -> Tensor:
    """The paper's points (Eq. 3): True in a bool (B, D, D) at every arg-max of B (B, D, D); none if B is 0 (a real image).

    Values that 8-bit blending cannot distinguish count as equal. With a blend ratio of 1/2 or less, B is maximal on the complete inside
    of the mask, and all of it is vulnerable.
    """
    peak = boundary.amax(dim=(1, 2), keepdim=True)
    return (boundary >= peak - TIE_TOLERANCE) & (peak > MIN_VISIBLE)


def quadrant_maxima(boundary: Tensor) -> Tensor:
    """The official points: True in a bool (B, D, D) at the arg-max of B (B, D, D) in each quadrant of the map.

    Ties are resolved to the first in row-major order; a quadrant without a visible boundary has no point. If D is odd, the middle row and
    column belong to the lower and right quadrants.
    """
    odd, half = boundary.shape[-1] % 2, (boundary.shape[-1] + 1) // 2
    quadrants = pad(boundary, (odd, 0, odd, 0)).reshape(-1, 2, half, 2, half).transpose(2, 3)
    peak, position = quadrants.flatten(3).max(dim=3, keepdim=True)
    first: Tensor = (torch.arange(half**2, device=boundary.device) == position) & (peak > MIN_VISIBLE)
    return first.view(quadrants.shape).transpose(2, 3).flatten(3).flatten(1, 2)[:, odd:, odd:]


def region_extent(mask: Tensor, boundary: Tensor) -> tuple[Tensor, Tensor]:
    """The paper's width and height (B, D, D) in pixels: runs of the blended region along the row and column of each pixel.

    The region is where M (B, D, D) is visible, including the inside of the boundary B; otherwise the extent at a point would jump as the
    blend ratio reaches 1 and B vanishes inside. Outside the region both are 1, the pixel itself.
    """
    return _run_lengths(mask > MIN_VISIBLE)


def boundary_extent(mask: Tensor, boundary: Tensor) -> tuple[Tensor, Tensor]:
    """The official width and height (B, D, D) in pixels: runs of B > 0.5 along the row and column of each pixel.

    Where B (B, D, D) is 0.5 or less, both are 1, the pixel itself.
    """
    return _run_lengths(boundary > MIN_BOUNDARY)


def _run_lengths(inside: Tensor) -> tuple[Tensor, Tensor]:
    """Lengths of the horizontal and vertical runs of True that contain each pixel of (B, D, D); 1 for False."""
    return _horizontal_runs(inside), _horizontal_runs(inside.transpose(1, 2)).transpose(1, 2)


def _horizontal_runs(inside: Tensor) -> Tensor:
    position = torch.arange(inside.shape[-1], device=inside.device).expand(inside.shape)
    before = torch.where(inside, -1, position).cummax(dim=-1).values
    after = torch.where(inside, inside.shape[-1], position).flip(-1).cummin(dim=-1).values.flip(-1)
    return torch.where(inside, after - before - 1, 1).float()


def random_point(boundary: Tensor, points: Tensor, draws: Tensor | None) -> Tensor:
    """The paper's anchor p^s (B, 2) as (row, column): one of the points (B, D, D) of each image, selected by draws (B,) in [0, 1).

    Without draws it is the first point. An image without points is real: B is 0, and all its pixels are candidates.
    """
    flat = points.flatten(1)
    candidates = torch.where(flat.any(dim=1, keepdim=True), flat, True)
    if draws is None:
        selected = candidates.int().argmax(dim=1)
    else:
        rank = (draws.to(flat.device) * candidates.sum(dim=1)).long()
        selected = (candidates.cumsum(dim=1) <= rank[:, None]).sum(dim=1)
    return _row_and_column(selected, boundary)


def first_maximum(boundary: Tensor, points: Tensor, draws: Tensor | None) -> Tensor:
    """The official anchor (B, 2) as (row, column): the first arg-max of B (B, D, D), and therefore of C, in row-major order."""
    return _row_and_column(boundary.flatten(1).argmax(dim=1), boundary)


def _row_and_column(index: Tensor, boundary: Tensor) -> Tensor:
    """Flat indices (B,) into B (B, D, D) as (row, column): (B, 2)."""
    return torch.stack([index // boundary.shape[-1], index % boundary.shape[-1]], dim=1)


class TargetRecipe(NamedTuple):
    """The steps from masks to targets, in the order in which they run; see the functions for shapes.

    mask: M from masks and blend ratios; points: vulnerable points; extent: width and height for the radius of the Gaussians; combine:
    Gaussians to heat map; anchor: the point of C; real_consistency: C of real images.
    """

    mask: Callable[[Tensor, Tensor | None], Tensor]
    points: Callable[[Tensor], Tensor]
    extent: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
    combine: Callable[[Tensor, Tensor], Tensor]
    anchor: Callable[[Tensor, Tensor, Tensor | None], Tensor]
    real_consistency: Callable[[Tensor], Tensor]


PAPER = TargetRecipe(scaled_mask, all_maxima, region_extent, superpose_gaussians, random_point, torch.ones_like)
OFFICIAL = TargetRecipe(unscaled_mask, quadrant_maxima, boundary_extent, greatest_gaussian, first_maximum, torch.zeros_like)
TARGET_RECIPES: Mapping[Recipe, TargetRecipe] = {"paper": PAPER, "official": OFFICIAL}
