"""Self-blended images (SBI): a real face blended with a transformed copy of itself (docs/paper_and_official.md, section 5)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from laanet_core.params import SbiParams, SynthesisParams
from laanet_core.synthesis.blending import Blend, RawBlend, blend_usable, check_batch
from laanet_core.synthesis.hulls import draw_polygons, usable_faces
from laanet_core.synthesis.masks import draw_hulls, draw_sbi_softening, elastic_shifts, relative_size
from laanet_core.synthesis.ops.batches import put, take
from laanet_core.synthesis.ops.colour import colour_matrices
from laanet_core.synthesis.ops.image_ops import ImageOps, ops_for_device
from laanet_core.synthesis.ops.types import Values
from laanet_core.synthesis.rng import Rng, draw_keys
from laanet_core.types import Points

# The published hue range of +-0.3 has no unit. It is read as steps of two degrees (OpenCV's 8-bit hue): 0.3 of a circle makes faces green.
HUE_STEP = np.deg2rad(2)


def self_blend(images: Tensor, landmarks: Tensor, generator: torch.Generator, params: SynthesisParams | None = None) -> Blend:
    """Make one pseudo-fake from each real face, on the images' device.

    images: uint8 (B, 3, H, W) RGB; landmarks: (B, 68, 2) in crop pixels (x, y); generator: the only source of randomness, on any device,
    with one draw per item; params: by default the published values. By default the colour change is applied to the background in half of
    the cases. `real` is then the changed image, so that a real image and its fake have equal bytes outside the mask.
    Raises LaanetError for other shapes or types.
    """
    check_batch(images, landmarks)
    points = landmarks.detach().cpu().numpy().astype(np.float32)
    return make_self_blends(images, points, Rng(draw_keys(len(images), generator)), params or SynthesisParams())


def make_self_blends(images: Tensor, landmarks: Points, rng: Rng, params: SynthesisParams, ops: ImageOps | None = None) -> Blend:
    """See `self_blend`. rng: of the B items; ops: by default those of the images' device."""
    device_ops = ops or ops_for_device(images.device)

    def make(part: Tensor, items: NDArray[np.int64]) -> RawBlend:
        return _blend(part, landmarks[items], rng[items], params, device_ops)

    return blend_usable(images, usable_faces(landmarks, *images.shape[-2:]), make)


def _blend(images: Tensor, landmarks: Points, rng: Rng, params: SynthesisParams, ops: ImageOps) -> RawBlend:
    """Blend images, all of which are usable."""
    height, width = images.shape[-2:]
    motion = _draw_motions(rng, height, width, params.sbi)
    mask = _draw_masks(landmarks, motion, rng, images, params, ops)
    changed = change_colours(images, rng, params.sbi, ops)
    source, target = _assign(changed, images, rng.bernoulli("change source", params.sbi.change_source))
    ratio = rng.choice("blend ratio", params.sbi.blend_ratios)
    mask = mask * torch.as_tensor(ratio, dtype=torch.float32, device=images.device)[:, None, None, None]
    return RawBlend(ops.blend(ops.warp(source, motion), target, mask), target, mask, ratio)


def _assign(changed: Tensor, images: Tensor, on_source: NDArray[np.bool_]) -> tuple[Tensor, Tensor]:
    """Source and target images: the changed image is the source where `on_source` (B,) is True, else the target."""
    items = np.flatnonzero(~on_source)
    source, target = changed.clone(), images.clone()
    put(source, items, take(images, items))
    put(target, items, take(changed, items))
    return source, target


def _draw_masks(landmarks: Points, motion: Values, rng: Rng, images: Tensor, params: SynthesisParams, ops: ImageOps) -> Tensor:
    """Draw masks (B, 1, H, W) of the faces at the positions to which `motion` moves the sources."""
    height, width = images.shape[-2:]
    hulls = draw_hulls(landmarks, rng, params)
    moved = [[polygon @ matrix[:, :2].T + matrix[:, 2] for polygon in polygons] for polygons, matrix in zip(hulls, motion, strict=True)]
    silhouettes = draw_polygons(moved, height, width, images.device)
    shifts = elastic_shifts(rng, height, width, params, images.device)
    return ops.soften(silhouettes, shifts, draw_sbi_softening(rng, height, width, params))


def _draw_motions(rng: Rng, height: int, width: int, params: SbiParams) -> Values:
    """Draw affine matrices (B, 2, 3) from source to target pixels (x, y): a shift, and scaling about the centre."""
    scale = rng.uniform("motion scale", params.scale, 1 / params.scale)
    shift = np.column_stack(
        [rng.uniform(f"motion {axis}", -limit, limit) for axis, limit in (("x", params.shift_x), ("y", params.shift_y))]
    )
    centre = np.array([width - 1, height - 1]) / 2
    offset = (1 - scale)[:, None] * centre + shift * (width, height)
    return np.concatenate([np.eye(2) * scale[:, None, None], offset[..., None]], axis=2)


def change_colours(images: Tensor, rng: Rng, params: SbiParams, ops: ImageOps) -> Tensor:
    """Change RGB shift, hue, saturation, brightness and contrast in one colour matrix, then either pixelate or sharpen each image."""
    changes = (
        ("contrast", params.contrast),
        ("brightness", params.brightness),
        ("saturation", params.saturation),
        ("hue", params.hue * HUE_STEP),
    )
    matrices = colour_matrices(*(rng.uniform(name, -limit, limit) for name, limit in changes))
    shifts = rng.uniform("rgb shift", -params.rgb_shift, params.rgb_shift, count=3)
    matrices[..., 3] += np.where(rng.bernoulli("rgb shifted", params.rgb_shift_probability)[:, None], shifts, 0)
    changed = ops.recolour(images, matrices)
    coarse = rng.bernoulli("pixelated", params.pixelate_probability)
    factors = rng.choice("pixelate", params.pixelate) * relative_size(*images.shape[-2:])
    amounts = rng.uniform("sharpen", *params.sharpen)
    for operation, selected, values in ((ops.pixelate, coarse, factors), (ops.sharpen, ~coarse, amounts)):
        if selected.any():
            items = np.flatnonzero(selected)
            put(changed, items, operation(take(changed, items), values[items]))
    return changed
