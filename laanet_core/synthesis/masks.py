"""Random parameters of blending masks: hull variants, deformation and softening (docs/paper_and_official.md, section 5)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from laanet_core.params import SynthesisParams
from laanet_core.synthesis.hulls import Polygon, hull_polygons
from laanet_core.synthesis.ops.resampling import filter_matrices, gaussian_taps
from laanet_core.synthesis.ops.types import Integers, Softening, Values
from laanet_core.synthesis.rng import Rng
from laanet_core.types import Points

# Lengths in pixels refer to a 384 px crop and scale with the crop, so that pseudo-fakes look the same at any size.
REFERENCE_SIZE = 384
FIELD_SIZE = 96


def relative_size(height: int, width: int) -> float:
    """Longer side of a crop relative to the reference size."""
    return max(height, width) / REFERENCE_SIZE


def draw_hulls(landmarks: Points, rng: Rng, params: SynthesisParams) -> list[list[Polygon]]:
    """Draw a hull variant for each face: lists of its polygons, in pixels of the landmarks (B, 68, 2)."""
    variants = rng.choice("hull", params.hulls)
    return [hull_polygons(points, variant) for points, variant in zip(landmarks, variants, strict=True)]


def elastic_shifts(rng: Rng, height: int, width: int, params: SynthesisParams, device: torch.device) -> Tensor:
    """Draw smooth displacements of about 1.2 reference pixels: float32 (B, 2, FIELD_SIZE, FIELD_SIZE) in crop pixels (x, y).

    Uniform noise in +-alpha is smoothed by a Gaussian of width sigma. It is drawn on a grid of a quarter of the reference size.
    White noise smoothed over sigma grid steps has a standard deviation proportional to alpha / sigma, so dividing both by the length of a
    step in reference pixels preserves the magnitude and smoothness of the displacements.
    """
    step = REFERENCE_SIZE / FIELD_SIZE
    noise = rng.field("elastic", (2, FIELD_SIZE, FIELD_SIZE), device) * 2 - 1
    sigma = params.elastic_sigma / step
    taps = gaussian_taps(min(round(8 * sigma + 1) | 1, 2 * FIELD_SIZE - 1), sigma)
    filtering = filter_matrices([taps], np.array([FIELD_SIZE]), FIELD_SIZE, device)
    return filtering @ noise @ filtering.mT * (params.elastic_alpha / step * relative_size(height, width))


def affine_shifts(rng: Rng, height: int, width: int, params: SynthesisParams, device: torch.device) -> Tensor:
    """Draw piecewise affine displacements, with the shape and unit of `elastic_shifts`.

    The corners of a grid with bi.warp_cells cells per side get normal displacements with a standard deviation of bi.warp times the longer
    side of the crop. Each cell is divided into two triangles, and displacements are affine on each triangle.
    """
    cells = params.bi.warp_cells
    uniform = rng.field("warp", (2, cells + 1, cells + 1), device).clamp(1e-4, 1 - 1e-4)
    corners = torch.special.ndtri(uniform) * (params.bi.warp * max(height, width))
    position = (torch.arange(FIELD_SIZE, device=device) + 0.5) * (cells / FIELD_SIZE)
    cell = position.long()
    down, across = (position - cell)[:, None], position - cell
    upper, lower = corners[:, :, cell], corners[:, :, cell + 1]
    first, last = (upper[..., cell], upper[..., cell + 1]), (lower[..., cell], lower[..., cell + 1])
    near_first = first[0] + across * (first[1] - first[0]) + down * (last[0] - first[0])
    near_last = last[1] + (1 - across) * (last[0] - last[1]) + (1 - down) * (first[1] - last[1])
    return torch.where(down + across <= 1, near_first, near_last)


def draw_sbi_softening(rng: Rng, height: int, width: int, params: SynthesisParams) -> Softening:
    """Draw the softening of SBI masks: at another resolution, contour smoothed (`uint8`) or eroded (`float`), then feathered.

    An 8-bit mask of 0 and 1 rounds the result of a blur, which smooths the contour in place. In floating point only pixels whose complete
    kernel is inside keep the maximum, which is an erosion by half a kernel.
    """
    scale = rng.uniform("mask scale", *params.sbi.mask_scale)
    sides = np.rint(np.array([height, width]) * scale[:, None]).astype(np.int64)
    edge = np.full(len(rng), 0 if params.sbi.mask_precision == "uint8" else -1)
    kernel = _odd_kernel_sizes(rng, "mask kernel", params.sbi.mask_kernel, relative_size(height, width), 3)
    return Softening(sides, edge, kernel, *_feathering(rng, height, width, params))


def draw_bi_softening(rng: Rng, height: int, width: int, params: SynthesisParams) -> Softening:
    """Draw the softening of BI masks: contour eroded or dilated, then feathered."""
    sides = np.tile([height, width], (len(rng), 1))
    edge = np.where(rng.bernoulli("erode", params.bi.erode), -1, 1)
    kernel = _odd_kernel_sizes(rng, "edge kernel", params.bi.edge_kernel, relative_size(height, width), 1)
    return Softening(sides, edge, kernel, *_feathering(rng, height, width, params))


def _feathering(rng: Rng, height: int, width: int, params: SynthesisParams) -> tuple[Integers, Values]:
    """Draw kernel size and standard deviation of the final blur, each (B,)."""
    scale = relative_size(height, width)
    sigma = rng.uniform("feather sigma", *params.feather_sigma) * scale
    return _odd_kernel_sizes(rng, "feather kernel", params.feather_kernel, scale, 3), sigma


def _odd_kernel_sizes(rng: Rng, purpose: str, bounds: list[int], scale: float, min_size: int) -> Integers:
    """Draw odd kernel sizes (B,), uniform over the odd numbers within `bounds` in reference pixels, times `scale`; at least `min_size`."""
    low, high = (bounds[0] | 1) // 2, (bounds[1] - 1) // 2
    drawn = 2 * rng.integers(purpose, low, max(low, high)) + 1
    return np.maximum(min_size, 2 * (drawn * scale / 2).astype(np.int64) + 1)
