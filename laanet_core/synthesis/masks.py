"""Blending masks of faces: hulls of 68 landmarks, deformed and softened (reference_facts, section 5)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from laanet_core.params import SynthesisParams
from laanet_core.synthesis.hulls import Points, hull_polygons
from laanet_core.synthesis.ops.resampling import gaussian_taps, smoothing
from laanet_core.synthesis.ops.types import Softening, Values, Whole
from laanet_core.synthesis.rng import Rng

# Every length in pixels is one of a 384 px crop and scales with the crop, so that pseudo-fakes look alike at any size.
REFERENCE_SIZE = 384
FIELD_SIZE = 96


def unit_of(height: int, width: int) -> float:
    """The crop's size over the reference size."""
    return max(height, width) / REFERENCE_SIZE


def draw_hulls(landmarks: Points, rng: Rng, params: SynthesisParams) -> list[list[Points]]:
    """Polygons (n, 2) of a variant of the hull drawn for each face, in pixels of landmarks (B, 68, 2)."""
    variants = rng.choice("hull", params.hulls)
    return [hull_polygons(points, variant) for points, variant in zip(landmarks, variants, strict=True)]


def elastic_shifts(rng: Rng, height: int, width: int, params: SynthesisParams, device: torch.device) -> Tensor:
    """Smooth random displacements of about 1.2 reference pixels, float32 (B, 2, FIELD_SIZE, FIELD_SIZE) in crop pixels (x, y).

    Uniform noise in +-alpha, smoothed by a Gaussian of sigma. It is drawn on a coarse grid, a quarter of the reference size: smoothed
    white noise has a deviation of alpha / sigma over the grid's step, so alpha and sigma are both divided by the step, and the
    displacements keep their size and smoothness.
    """
    step = REFERENCE_SIZE / FIELD_SIZE
    noise = rng.field("elastic", (2, FIELD_SIZE, FIELD_SIZE), device) * 2 - 1
    sigma = params.elastic_sigma / step
    taps = gaussian_taps(min(round(8 * sigma + 1) | 1, 2 * FIELD_SIZE - 1), sigma)
    filtering = smoothing([taps], np.array([FIELD_SIZE]), FIELD_SIZE, device)
    return filtering @ noise @ filtering.mT * (params.elastic_alpha / step * unit_of(height, width))


def affine_shifts(rng: Rng, height: int, width: int, params: SynthesisParams, device: torch.device) -> Tensor:
    """Displacements that are affine on each triangle of a grid whose corners move at random, shaped as `elastic_shifts`.

    The corners of bi.warp_cells cells a side move normally with a deviation of bi.warp of the crop's side; each cell is cut into two
    triangles.
    """
    cells = params.bi.warp_cells
    even = rng.field("warp", (2, cells + 1, cells + 1), device).clamp(1e-4, 1 - 1e-4)
    corners = torch.special.ndtri(even) * (params.bi.warp * max(height, width))
    place = (torch.arange(FIELD_SIZE, device=device) + 0.5) * (cells / FIELD_SIZE)
    cell = place.long()
    down, across = (place - cell)[:, None], place - cell
    upper, lower = corners[:, :, cell], corners[:, :, cell + 1]
    first, last = (upper[..., cell], upper[..., cell + 1]), (lower[..., cell], lower[..., cell + 1])
    near_first = first[0] + across * (first[1] - first[0]) + down * (last[0] - first[0])
    near_last = last[1] + (1 - across) * (last[0] - last[1]) + (1 - down) * (first[1] - last[1])
    return torch.where(down + across <= 1, near_first, near_last)


def draw_smoothing(rng: Rng, height: int, width: int, params: SynthesisParams) -> Softening:
    """How SBI softens masks: at another resolution, the contour smoothed (`uint8`) or eroded (`float`), then feathered.

    With an 8-bit mask of 0 and 1 what a blur rounds to 1 stays, which smooths the contour where it lies. In floating point only a pixel
    whose whole kernel lies inside keeps the maximum: an erosion by half a kernel.
    """
    scale = rng.uniform("mask scale", *params.sbi.mask_scale)
    sides = np.rint(np.array([height, width]) * scale[:, None]).astype(np.int64)
    edge = np.full(len(rng), 0 if params.sbi.mask_precision == "uint8" else -1)
    kernel = _odd_kernels(rng, "mask kernel", params.sbi.mask_kernel, unit_of(height, width), 3)
    return Softening(sides, edge, kernel, *_feathering(rng, height, width, params))


def draw_edges(rng: Rng, height: int, width: int, params: SynthesisParams) -> Softening:
    """How BI softens masks: eroded or dilated, then feathered."""
    sides = np.tile([height, width], (len(rng), 1))
    edge = np.where(rng.bernoulli("erode", params.bi.erode), -1, 1)
    kernel = _odd_kernels(rng, "edge kernel", params.bi.edge_kernel, unit_of(height, width), 1)
    return Softening(sides, edge, kernel, *_feathering(rng, height, width, params))


def _feathering(rng: Rng, height: int, width: int, params: SynthesisParams) -> tuple[Whole, Values]:
    """Kernel and deviation of the last blur, each (B,)."""
    unit = unit_of(height, width)
    sigma = rng.uniform("feather sigma", *params.feather_sigma) * unit
    return _odd_kernels(rng, "feather kernel", params.feather_kernel, unit, 3), sigma


def _odd_kernels(rng: Rng, purpose: str, bounds: list[int], unit: float, least: int) -> Whole:
    """Odd kernel sizes (B,), even over the odd numbers of a range of reference pixels; at least `least`."""
    low, high = (bounds[0] | 1) // 2, (bounds[1] - 1) // 2
    drawn = 2 * rng.integers(purpose, low, max(low, high)) + 1
    return np.maximum(least, 2 * (drawn * unit / 2).astype(np.int64) + 1)
