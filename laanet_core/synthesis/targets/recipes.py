"""The six differences between the paper's targets and those of the official code (reference_facts, sec. 4), each a pair of functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.nn.functional import pad

from laanet_core.errors import LaanetError
from laanet_core.params import Recipe
from laanet_core.synthesis.targets.gaussians import greatest_gaussian, superpose_gaussians

# Masks blend 8-bit images: values of M within half an 8-bit step of the arg-max are one value, 4 (1/510)^2 apart in B at M = 1/2,
TIE = 255**-2
# and an M below one 8-bit step leaves no blend to be seen.
VISIBLE = 1 / 255
# B where one image contributes .85 and the other .15: the border of the official region through a point
BOUNDARY = 0.5

_Choice = TypeVar("_Choice")


def pick_recipe(recipes: Mapping[Recipe, _Choice], name: Recipe) -> _Choice:
    """The recipe of that name; raises LaanetError for a name that is none."""
    if name not in recipes:
        raise LaanetError(f"recipe: {name!r} is unknown; give one of {', '.join(map(repr, recipes))}.")
    return recipes[name]


def scaled_mask(mask: Tensor, ratio: Tensor | None) -> Tensor:
    """The paper's M (B, 1, H, W): the mask that blends (Eq. 1), whatever its blending ratio."""
    return mask


def unscaled_mask(mask: Tensor, ratio: Tensor | None) -> Tensor:
    """The official M (B, 1, H, W): the mask before it was scaled by its blending ratio (B,), or as it is without one."""
    return mask if ratio is None else (mask / ratio.to(mask)[:, None, None, None]).clamp(max=1)


def all_maxima(boundary: Tensor) -> Tensor:
    """The paper's points (Eq. 3): every arg-max of B (B, D, D) as True in a bool (B, D, D), none where B is 0 (a real image).

    Values that 8-bit blending cannot tell apart are equal. With a blend ratio of 1/2 or less, B is greatest on the whole inside of the
    mask, and all of it is vulnerable.
    """
    peak = boundary.amax(dim=(1, 2), keepdim=True)
    return (boundary >= peak - TIE) & (peak > VISIBLE)


def quadrant_maxima(boundary: Tensor) -> Tensor:
    """The official points: the arg-max of B (B, D, D) in each quadrant of the map as True in a bool (B, D, D).

    Of equal values the first in row-major order is the one point of its quadrant; a quadrant without a visible boundary has none.
    With an odd D the middle row and column belong to the lower and right quadrants.
    """
    odd, half = boundary.shape[-1] % 2, (boundary.shape[-1] + 1) // 2
    quadrants = pad(boundary, (odd, 0, odd, 0)).reshape(-1, 2, half, 2, half).transpose(2, 3)
    peak, place = quadrants.flatten(3).max(dim=3, keepdim=True)
    first: Tensor = (torch.arange(half**2, device=boundary.device) == place) & (peak > VISIBLE)
    return first.view(quadrants.shape).transpose(2, 3).flatten(3).flatten(1, 2)[:, odd:, odd:]


def region_extent(mask: Tensor, boundary: Tensor) -> tuple[Tensor, Tensor]:
    """The paper's width and height (B, D, D) of the blended region through each pixel: lengths in pixels of its runs along row and column.

    The region is where M (B, D, D) is visible, from one side of the boundary B to the other, its inside included (else a point's
    size would jump when the blend ratio reaches 1 and B vanishes there); outside it both are 1, the pixel itself.
    """
    return _run_lengths(mask > VISIBLE)


def boundary_extent(mask: Tensor, boundary: Tensor) -> tuple[Tensor, Tensor]:
    """The official width and height (B, D, D): lengths in pixels of the runs of B > 0.5 through each pixel along row and column.

    Where B (B, D, D) is 0.5 or less both are 1, the pixel itself.
    """
    return _run_lengths(boundary > BOUNDARY)


def _run_lengths(inside: Tensor) -> tuple[Tensor, Tensor]:
    """Lengths of the horizontal and vertical run of True that each pixel of (B, D, D) belongs to, 1 for False."""
    return _horizontal_runs(inside), _horizontal_runs(inside.transpose(1, 2)).transpose(1, 2)


def _horizontal_runs(inside: Tensor) -> Tensor:
    position = torch.arange(inside.shape[-1], device=inside.device).expand(inside.shape)
    before = torch.where(inside, -1, position).cummax(dim=-1).values
    after = torch.where(inside, inside.shape[-1], position).flip(-1).cummin(dim=-1).values.flip(-1)
    return torch.where(inside, after - before - 1, 1).float()


def random_point(boundary: Tensor, points: Tensor, draws: Tensor | None) -> Tensor:
    """The paper's anchor p^s (B, 2) as (row, column): one of an image's points (B, D, D), the one that a number (B,) in [0, 1) picks.

    Without draws it is the first. An image without points is real: B is 0, and all its pixels are arg-max.
    """
    flat = points.flatten(1)
    candidates = torch.where(flat.any(dim=1, keepdim=True), flat, True)
    if draws is None:
        chosen = candidates.int().argmax(dim=1)
    else:
        rank = (draws.to(flat.device) * candidates.sum(dim=1)).long()
        chosen = (candidates.cumsum(dim=1) <= rank[:, None]).sum(dim=1)
    return _row_and_column(chosen, boundary)


def first_maximum(boundary: Tensor, points: Tensor, draws: Tensor | None) -> Tensor:
    """The official anchor (B, 2) as (row, column): the first arg-max of B (B, D, D), and so of C, in row-major order; nothing is drawn."""
    return _row_and_column(boundary.flatten(1).argmax(dim=1), boundary)


def _row_and_column(place: Tensor, boundary: Tensor) -> Tensor:
    return torch.stack([place // boundary.shape[-1], place % boundary.shape[-1]], dim=1)


class TargetRecipe(NamedTuple):
    """What becomes of masks (B, 1, H, W) with blending ratios (B,), in the order of the steps; see the functions for shapes.

    mask: M of B; points: the vulnerable points; extent: width and height for the Gaussians' radius; combine: Gaussians to a heat map;
    anchor: the point that C refers to; real_consistency: C of real images in its place.
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
