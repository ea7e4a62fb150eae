"""Self-blended images: a real face blended with a changed copy of itself (reference_facts, section 5)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from laanet_core.params import SbiParams, SynthesisParams
from laanet_core.synthesis.blending import Blend, Made, blend_where, check_batch
from laanet_core.synthesis.hulls import Points, draw_polygons, usable_faces
from laanet_core.synthesis.masks import draw_hulls, draw_smoothing, elastic_shifts, unit_of
from laanet_core.synthesis.ops.batches import put, take
from laanet_core.synthesis.ops.colour import colour_matrices
from laanet_core.synthesis.ops.image_ops import ImageOps, ops_for_device
from laanet_core.synthesis.ops.types import Values
from laanet_core.synthesis.rng import Rng, draw_keys

# The published +-0.3 comes without a unit: 8-bit steps of two degrees, since .3 of a circle makes green faces.
HUE_STEP = np.deg2rad(2)


def self_blend(images: Tensor, landmarks: Tensor, generator: torch.Generator, params: SynthesisParams | None = None) -> Blend:
    """Make one pseudo-fake from each real face, on the images' device.

    images: uint8 (B, 3, H, W) RGB; landmarks: (B, 68, 2) crop pixels (x, y); generator: the only source of chance, one draw of it
    an item, whatever its device; params: by default the published values. The colour change falls on the background in half of the cases:
    `real` is then the changed image, so that a real and its fake have the same bytes outside the mask.
    Raises LaanetError for other shapes or types.
    """
    check_batch(images, landmarks)
    points = landmarks.detach().cpu().numpy().astype(np.float32)
    return make_self_blends(images, points, Rng(draw_keys(len(images), generator)), params or SynthesisParams())


def make_self_blends(images: Tensor, landmarks: Points, rng: Rng, params: SynthesisParams, ops: ImageOps | None = None) -> Blend:
    """`self_blend` with the draws of each item and, if wanted, other ops than the device's own."""
    chosen = ops or ops_for_device(images.device)

    def make(part: Tensor, items: NDArray[np.int64]) -> Made:
        return _blend(part, landmarks[items], rng[items], params, chosen)

    return blend_where(images, usable_faces(landmarks, *images.shape[-2:]), make)


def _blend(images: Tensor, landmarks: Points, rng: Rng, params: SynthesisParams, ops: ImageOps) -> Made:
    """The pseudo-fakes of images that are all usable."""
    height, width = images.shape[-2:]
    motion = _draw_motions(rng, height, width, params.sbi)
    mask = _draw_masks(landmarks, motion, rng, images, params, ops)
    changed = change_colours(images, rng, params.sbi, ops)
    source, target = _share_out(changed, images, rng.bernoulli("change source", params.sbi.change_source))
    ratio = rng.choice("blend ratio", params.sbi.blend_ratios)
    mask = mask * torch.as_tensor(ratio, dtype=torch.float32, device=images.device)[:, None, None, None]
    return Made(ops.blend(ops.warp(source, motion), target, mask), target, mask, ratio)


def _share_out(changed: Tensor, images: Tensor, on_source: NDArray[np.bool_]) -> tuple[Tensor, Tensor]:
    """Sources and targets: the changed images are the former where on_source (B,), and the latter elsewhere."""
    items = np.flatnonzero(~on_source)
    source, target = changed.clone(), images.clone()
    put(source, items, take(images, items))
    put(target, items, take(changed, items))
    return source, target


def _draw_masks(landmarks: Points, motion: Values, rng: Rng, images: Tensor, params: SynthesisParams, ops: ImageOps) -> Tensor:
    """Masks (B, 1, H, W) of the faces where their sources are moved to."""
    height, width = images.shape[-2:]
    hulls = draw_hulls(landmarks, rng, params)
    moved = [[polygon @ to[:, :2].T + to[:, 2] for polygon in polygons] for polygons, to in zip(hulls, motion, strict=True)]
    silhouettes = draw_polygons(moved, height, width, images.device)
    shifts = elastic_shifts(rng, height, width, params, images.device)
    return ops.soften(silhouettes, shifts, draw_smoothing(rng, height, width, params))


def _draw_motions(rng: Rng, height: int, width: int, params: SbiParams) -> Values:
    """Affine matrices (B, 2, 3) from source to target pixels: a shift across and down, and a scale about the centre."""
    scale = rng.uniform("motion scale", params.scale, 1 / params.scale)
    shift = np.column_stack([rng.uniform(f"motion {axis}", -part, part) for axis, part in (("x", params.shift_x), ("y", params.shift_y))])
    centre = np.array([width - 1, height - 1]) / 2
    offset = (1 - scale)[:, None] * centre + shift * (width, height)
    return np.concatenate([np.eye(2) * scale[:, None, None], offset[..., None]], axis=2)


def change_colours(images: Tensor, rng: Rng, params: SbiParams, ops: ImageOps) -> Tensor:
    """Shift of the channels, hue, saturation, brightness and contrast in one matrix, then either a coarser or a sharper image."""
    changes = (
        ("contrast", params.contrast),
        ("brightness", params.brightness),
        ("saturation", params.saturation),
        ("hue", params.hue * HUE_STEP),
    )
    matrices = colour_matrices(*(rng.uniform(name, -most, most) for name, most in changes))
    shifts = rng.uniform("rgb shift", -params.rgb_shift, params.rgb_shift, count=3)
    matrices[..., 3] += np.where(rng.bernoulli("rgb shifted", params.rgb_shift_probability)[:, None], shifts, 0)
    changed = ops.recolour(images, matrices)
    coarse = rng.bernoulli("pixelated", params.pixelate_probability)
    factors = rng.choice("pixelate", params.pixelate) * unit_of(*images.shape[-2:])
    amounts = rng.uniform("sharpen", *params.sharpen)
    for kernel, items, values in ((ops.pixelate, coarse, factors), (ops.sharpen, ~coarse, amounts)):
        if items.any():
            at = np.flatnonzero(items)
            put(changed, at, kernel(take(changed, at), values[at]))
    return changed
