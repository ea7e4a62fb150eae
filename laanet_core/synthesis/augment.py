"""The paper's augmentations (sec. 4.1), applied equally to real images and their fakes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from laanet_core.errors import LaanetError
from laanet_core.params import AugmentParams
from laanet_core.synthesis.blending import check_batch
from laanet_core.synthesis.ops.batches import put, take
from laanet_core.synthesis.ops.colour import colour_matrices
from laanet_core.synthesis.ops.image_ops import ImageOps, ops_for_device
from laanet_core.synthesis.ops.types import Values
from laanet_core.synthesis.rng import Rng

Items = NDArray[np.int64]
_NORMAL_QUANTILES = torch.special.ndtri((torch.arange(256, dtype=torch.float64) + 0.5) / 256).numpy()


class Augmented(NamedTuple):
    """real, fake: uint8 (B, 3, H, W); mask: float32 (B, 1, H, W); landmarks: float32 (B, 68, 2) in crop pixels (x, y)."""

    real: Tensor
    fake: Tensor
    mask: Tensor
    landmarks: Tensor


def augment(
    real: Tensor, fake: Tensor, mask: Tensor, landmarks: Tensor, rng: Rng, params: AugmentParams, ops: ImageOps | None = None
) -> Augmented:
    """Augment pairs: one geometric transform for images, mask and landmarks, one photometric change for both images.

    real, fake: uint8 (B, 3, H, W) RGB; mask: (B, 1, H, W) in [0, 1]; landmarks: (B, 68, 2) in crop pixels (x, y); rng: of B items;
    params: the probability and range of each step; ops: by default those of the images' device. A flip mirrors the coordinates of the
    landmarks and keeps their order, since they are used for hulls only. Random erasing changes both images but not the mask. Raises
    LaanetError for other shapes or types.
    """
    _check(real, fake, mask, landmarks)
    ops = ops or ops_for_device(real.device)
    images = torch.cat([real, fake]).contiguous(memory_format=torch.channels_last)
    matrices = draw_geometry(rng, real.shape[-2], real.shape[-1], params)
    moved = (matrices != np.eye(2, 3)).any(axis=(1, 2))
    images = _change_where(images, moved, lambda part, items: ops.warp(part, matrices[items]))
    items = np.flatnonzero(moved)
    if len(items):
        mask = mask.clone()
        put(mask, items, ops.warp_masks(take(mask, items), matrices[items]))
    images = change_images(images, rng, params, ops)
    new_real, new_fake = images.chunk(2)
    return Augmented(new_real, new_fake, mask, move_points(landmarks, torch.from_numpy(matrices).to(landmarks.device)))


def _check(real: Tensor, fake: Tensor, mask: Tensor, landmarks: Tensor) -> None:
    check_batch(real, landmarks, "real")
    check_batch(fake, landmarks, "fake")
    if fake.shape != real.shape or mask.shape != (len(real), 1, *real.shape[2:]):
        found = f"{tuple(fake.shape)}, {tuple(mask.shape)}"
        raise LaanetError(f"fake, mask: {found}; give {tuple(real.shape)}, {(len(real), 1, *real.shape[2:])}, as of real.")


def draw_geometry(rng: Rng, height: int, width: int, params: AugmentParams) -> Values:
    """Draw affine matrices (B, 2, 3) from old to new pixels (x, y): horizontal flip, resized crop, and scaling about the centre."""
    last = np.array([width - 1, height - 1])
    mirror = np.where(rng.bernoulli("augment flip", params.flip), -1.0, 1.0)
    matrices = _scale_matrices(
        np.column_stack([mirror, np.ones(len(rng))]), np.column_stack([(1 - mirror) / 2 * last[0], np.zeros(len(rng))])
    )
    side = np.where(rng.bernoulli("augment crop", params.crop), rng.uniform("augment crop side", *params.crop_side), 1)[:, None]
    corner = rng.uniform("augment crop corner", count=2) * (1 - side) * last
    matrices = _scale_matrices(1 / side, -corner / side) @ matrices
    scale = np.where(rng.bernoulli("augment scale", params.scale), rng.uniform("augment scale by", *params.scale_by), 1)[:, None]
    return (_scale_matrices(scale, (1 - scale) * last / 2) @ matrices)[:, :2]


def _scale_matrices(scale: Values, offset: Values) -> Values:
    """Matrices (B, 3, 3) that scale x and y by (B, 1) or (B, 2) and then add offsets (B, 2)."""
    matrices = np.zeros((len(offset), 3, 3))
    matrices[:, [0, 1], [0, 1]] = scale
    matrices[:, :2, 2], matrices[:, 2, 2] = offset, 1
    return matrices


def move_points(points: Tensor, matrices: Tensor) -> Tensor:
    """Apply affine matrices (B, 2, 3) to points (B, n, 2) as (x, y): float32 (B, n, 2)."""
    return (points.double() @ matrices[:, :, :2].mT + matrices[:, None, :, 2]).float()


def change_images(images: Tensor, rng: Rng, params: AugmentParams, ops: ImageOps) -> Tensor:
    """Apply the photometric steps to real images followed by their fakes (2B, 3, H, W): as in a camera and a codec, then erasing."""
    changes = ("contrast", params.contrast), ("brightness", params.brightness), ("saturation", params.saturation), ("hue", params.hue)
    matrices = colour_matrices(*(rng.uniform(f"augment {name}", -limit, limit) for name, limit in changes))
    images = _change_where(images, rng.bernoulli("augment colour", params.colour), lambda part, items: ops.recolour(part, matrices[items]))
    sigmas = rng.uniform("augment blur sigma", *params.blur_sigma)
    images = _change_where(images, rng.bernoulli("augment blur", params.blur), lambda part, items: ops.blur(part, sigmas[items]))
    images = _change_where(
        images,
        rng.bernoulli("augment noise", params.noise),
        lambda part, items: _add_noise(part, rng[items[: len(items) // 2]], params, ops),
    )
    low, high = params.jpeg_quality
    qualities = rng.integers("augment jpeg quality", low, high)
    images = _change_where(images, rng.bernoulli("augment jpeg", params.jpeg), lambda part, items: ops.compress(part, qualities[items]))
    return _erase(images, rng, params)


def _change_where(images: Tensor, selected: NDArray[np.bool_], change: Callable[[Tensor, Items], Tensor]) -> Tensor:
    """Change the images (2B, 3, H, W) of the selected (B,) pairs in place.

    change: called with the images of the selected pairs and the indices of their pairs.
    """
    items = np.flatnonzero(selected)
    if len(items):
        both = np.concatenate([items, items + len(selected)])
        put(images, both, change(take(images, both), np.tile(items, 2)))
    return images


def _add_noise(images: Tensor, rng: Rng, params: AugmentParams, ops: ImageOps) -> Tensor:
    """Add the same noise to both images of a pair: real images followed by their fakes (2n, 3, H, W); rng: of the n pairs."""
    noise = gaussian_noise(rng, images.shape[1:], params, images.device, ops)
    return torch.cat([ops.add(half, noise) for half in images.chunk(2)])


def gaussian_noise(rng: Rng, shape: Sequence[int], params: AugmentParams, device: torch.device, ops: ImageOps) -> Tensor:
    """Gaussian noise in grey levels, int16 (B, C, H, W): random bytes, mapped to 256 quantiles of the normal distribution.

    shape: (C, H, W). Many times faster than sampling normal numbers; values are limited to 2.9 sigma.
    """
    channels, height, width = shape
    levels = np.rint(rng.uniform("augment noise deviation", *params.noise_deviation)[:, None] * _NORMAL_QUANTILES).astype(np.int16)
    return ops.look_up(rng.noise_bytes("augment noise bytes", (height, width, channels), device).permute(0, 3, 1, 2), levels)


def _erase(images: Tensor, rng: Rng, params: AugmentParams) -> Tensor:
    """Draw one rectangle of random position, size and colour into both images of a pair (random erasing, Zhong et al. 2017)."""
    sides = np.array(images.shape[-2:])
    spans = np.column_stack([rng.uniform(f"augment erase {side}", *params.erase_side) for side in ("height", "width")])
    lengths = np.maximum(1, np.rint(spans * sides)).astype(np.int64)
    starts = (rng.uniform("augment erase place", count=2) * (sides - lengths + 1)).astype(np.int64)
    colours = torch.from_numpy(rng.uniform("augment erase colour", 0, 256, count=3).astype(np.uint8)).to(images.device)
    for item in np.flatnonzero(rng.bernoulli("augment erase", params.erase)):
        (top, left), (high, wide) = starts[item], lengths[item]
        images[item :: len(rng), :, top : top + high, left : left + wide] = colours[item][:, None, None]
    return images
