"""Blended images: a real face blended with another person's of nearly the same landmarks (Face X-ray; reference_facts, section 5)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from laanet_core.errors import LaanetError
from laanet_core.params import SynthesisParams
from laanet_core.synthesis.blending import Blend, Made, blend_where, check_batch
from laanet_core.synthesis.hulls import Points, draw_polygons, usable_faces
from laanet_core.synthesis.masks import affine_shifts, draw_edges, draw_hulls, elastic_shifts
from laanet_core.synthesis.ops.batches import put, take
from laanet_core.synthesis.ops.image_ops import ImageOps, ops_for_device
from laanet_core.synthesis.ops.types import Values
from laanet_core.synthesis.rng import Rng, draw_keys

SMALLEST_DEVIATION = 1.0
LARGEST_GAIN = 3.0
LARGEST_SCALE = 4.0


def cross_blend(
    images: Tensor,
    landmarks: Tensor,
    others: Tensor,
    other_landmarks: Tensor,
    generator: torch.Generator,
    params: SynthesisParams | None = None,
) -> Blend:
    """Make one pseudo-fake from each real face and a face of another person, on the images' device.

    images, others: uint8 (B, 3, H, W) RGB, the background and the foreground of each; landmarks, other_landmarks: (B, 68, 2) crop pixels
    (x, y); generator: the only source of chance, one draw of it an item; params: by default the published values. `real` is the given
    image, and the blend's ratio 1. Whom to pair with whom: `neighbours.nearest_faces`. Raises LaanetError for other shapes or types.
    """
    check_batch(images, landmarks)
    check_batch(others, other_landmarks, "others")
    if others.shape != images.shape:
        raise LaanetError(f"others: shape {tuple(others.shape)}; give {tuple(images.shape)}, as of images.")
    points, other_points = (marks.detach().cpu().numpy().astype(np.float32) for marks in (landmarks, other_landmarks))
    rng = Rng(draw_keys(len(images), generator))
    return make_cross_blends(images, points, others, other_points, rng, params or SynthesisParams())


def make_cross_blends(
    images: Tensor,
    landmarks: Points,
    others: Tensor,
    other_landmarks: Points,
    rng: Rng,
    params: SynthesisParams,
    ops: ImageOps | None = None,
) -> Blend:
    """`cross_blend` with the draws of each item and, if wanted, other ops than the device's own."""
    chosen = ops or ops_for_device(images.device)
    good = usable_faces(landmarks, *images.shape[-2:]) & usable_faces(other_landmarks, *others.shape[-2:])
    fits = np.tile(np.eye(2, 3), (len(images), 1, 1))
    there = np.flatnonzero(good)
    if len(there):
        fits[there] = fit_affine(other_landmarks[there], landmarks[there])

    def make(part: Tensor, items: NDArray[np.int64]) -> Made:
        return _blend(part, landmarks[items], take(others, items), fits[items], rng[items], params, chosen)

    return blend_where(images, good & _sound(fits), make)


def fit_affine(sources: Points, targets: Points) -> Values:
    """Affine matrices (B, 2, 3) that take points (B, n, 2) nearest to others (B, n, 2) in the least-squares sense."""
    homogeneous = np.concatenate([sources, np.ones_like(sources[..., :1])], axis=2).astype(np.float64)
    turned = homogeneous.transpose(0, 2, 1)
    return np.asarray(np.linalg.solve(turned @ homogeneous, turned @ targets).transpose(0, 2, 1), np.float64)


def _sound(matrices: Values) -> NDArray[np.bool_]:
    """Where affine matrices (B, 2, 3) neither mirror nor scale any direction by more than LARGEST_SCALE or less than its inverse, (B,)."""
    scales = np.linalg.svd(matrices[:, :, :2], compute_uv=False)
    sound = (scales[:, 0] <= LARGEST_SCALE) & (scales[:, 1] >= 1 / LARGEST_SCALE) & (np.linalg.det(matrices[:, :, :2]) > 0)
    return np.asarray(sound, np.bool_)


def _blend(images: Tensor, landmarks: Points, others: Tensor, fits: Values, rng: Rng, params: SynthesisParams, ops: ImageOps) -> Made:
    """The pseudo-fakes of pairs that are all usable."""
    height, width = images.shape[-2:]
    silhouettes = draw_polygons(draw_hulls(landmarks, rng, params), height, width, images.device)
    sizes = (rng, height, width, params, images.device)
    mask = ops.soften(silhouettes, elastic_shifts(*sizes) + affine_shifts(*sizes), draw_edges(*sizes[:-1]))
    warped = ops.warp(others, fits)
    foreground = transfer_colours(warped, images, silhouettes, rng.bernoulli("mean colour", params.bi.mean_colour), ops)
    return Made(ops.blend(foreground, images, mask), images, mask, np.ones(len(images)))


def transfer_colours(foregrounds: Tensor, backgrounds: Tensor, region: Tensor, mean_only: NDArray[np.bool_], ops: ImageOps) -> Tensor:
    """Foregrounds (B, 3, H, W) with the colours that the backgrounds have in a region, uint8 (B, 1, H, W) of 0 and 1 and not empty.

    mean_only: (B,) where only the mean of red, green and blue is taken over; elsewhere mean and deviation in Lab (Reinhard et al. 2001).
    """
    changed = torch.empty_like(foregrounds, memory_format=torch.channels_last)
    for transfer, items in ((_shift_means, np.flatnonzero(mean_only)), (_match_in_lab, np.flatnonzero(~mean_only))):
        if len(items):
            put(changed, items, transfer(take(foregrounds, items), take(backgrounds, items), take(region, items), ops))
    return changed


def _shift_means(foregrounds: Tensor, backgrounds: Tensor, region: Tensor, ops: ImageOps) -> Tensor:
    (mean, _), (wanted, _) = (ops.moments(images, region) for images in (foregrounds, backgrounds))
    offset = (wanted - mean).double().cpu().numpy()
    matrices = np.concatenate([np.tile(np.eye(3), (len(offset), 1, 1)), offset[..., None]], axis=2)
    return ops.recolour(foregrounds, matrices)


def _match_in_lab(foregrounds: Tensor, backgrounds: Tensor, region: Tensor, ops: ImageOps) -> Tensor:
    lab = ops.to_lab(foregrounds)
    (mean, deviation), (wanted, wanted_deviation) = (ops.moments(values, region) for values in (lab, ops.to_lab(backgrounds)))
    gain = (wanted_deviation / deviation.clamp(min=SMALLEST_DEVIATION)).clamp(1 / LARGEST_GAIN, LARGEST_GAIN)
    return ops.from_lab(ops.scale(lab, gain, wanted - gain * mean))
