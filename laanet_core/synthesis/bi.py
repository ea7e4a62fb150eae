"""Blended images (BI, Face X-ray): a real face blended with another person's (docs/paper_and_official.md, section 5)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from laanet_core.errors import LaanetError
from laanet_core.params import SynthesisParams
from laanet_core.synthesis.blending import Blend, RawBlend, blend_usable, check_batch
from laanet_core.synthesis.hulls import draw_polygons, usable_faces
from laanet_core.synthesis.masks import affine_shifts, draw_bi_softening, draw_hulls, elastic_shifts
from laanet_core.synthesis.ops.batches import put, take
from laanet_core.synthesis.ops.image_ops import ImageOps, ops_for_device
from laanet_core.synthesis.ops.types import Values
from laanet_core.synthesis.rng import Rng, draw_keys
from laanet_core.types import Points

MIN_DEVIATION = 1.0
"""Smallest standard deviation of a Lab channel that is divided by, in Lab units."""
MAX_GAIN = 3.0
"""Largest gain of a Lab channel, and inverse of the smallest."""
MAX_SCALE = 4.0
"""Largest scale of an accepted affine fit, and inverse of the smallest."""


def cross_blend(
    images: Tensor,
    landmarks: Tensor,
    others: Tensor,
    other_landmarks: Tensor,
    generator: torch.Generator,
    params: SynthesisParams | None = None,
) -> Blend:
    """Make one pseudo-fake from each real face and a face of another person, on the images' device.

    images, others: uint8 (B, 3, H, W) RGB, backgrounds and foregrounds; landmarks, other_landmarks: (B, 68, 2) in crop pixels (x, y);
    generator: the only source of randomness, with one draw per item; params: by default the published values. In the result, `real` is
    the given image and `ratio` is 1. For choosing the pairs, see `neighbours.nearest_faces`. Raises LaanetError for other shapes or types.
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
    """See `cross_blend`. rng: of the B items; ops: by default those of the images' device."""
    device_ops = ops or ops_for_device(images.device)
    usable = usable_faces(landmarks, *images.shape[-2:]) & usable_faces(other_landmarks, *others.shape[-2:])
    fits = np.tile(np.eye(2, 3), (len(images), 1, 1))
    items = np.flatnonzero(usable)
    if len(items):
        fits[items] = fit_affine(other_landmarks[items], landmarks[items])

    def make(part: Tensor, items: NDArray[np.int64]) -> RawBlend:
        return _blend(part, landmarks[items], take(others, items), fits[items], rng[items], params, device_ops)

    return blend_usable(images, usable & _is_plausible(fits), make)


def fit_affine(sources: Points, targets: Points) -> Values:
    """Least-squares affine matrices (B, 2, 3) that map points `sources` (B, n, 2) to `targets` (B, n, 2)."""
    homogeneous = np.concatenate([sources, np.ones_like(sources[..., :1])], axis=2).astype(np.float64)
    transposed = homogeneous.transpose(0, 2, 1)
    return np.asarray(np.linalg.solve(transposed @ homogeneous, transposed @ targets).transpose(0, 2, 1), np.float64)


def _is_plausible(matrices: Values) -> NDArray[np.bool_]:
    """Whether affine matrices (B, 2, 3) do not mirror, and scale all directions by 1 / MAX_SCALE to MAX_SCALE: bool (B,)."""
    scales = np.linalg.svd(matrices[:, :, :2], compute_uv=False)
    plausible = (scales[:, 0] <= MAX_SCALE) & (scales[:, 1] >= 1 / MAX_SCALE) & (np.linalg.det(matrices[:, :, :2]) > 0)
    return np.asarray(plausible, np.bool_)


def _blend(images: Tensor, landmarks: Points, others: Tensor, fits: Values, rng: Rng, params: SynthesisParams, ops: ImageOps) -> RawBlend:
    """Blend pairs, all of which are usable."""
    height, width = images.shape[-2:]
    silhouettes = draw_polygons(draw_hulls(landmarks, rng, params), height, width, images.device)
    settings = (rng, height, width, params)
    shifts = elastic_shifts(*settings, images.device) + affine_shifts(*settings, images.device)
    mask = ops.soften(silhouettes, shifts, draw_bi_softening(*settings))
    warped = ops.warp(others, fits)
    foreground = transfer_colours(warped, images, silhouettes, rng.bernoulli("mean colour", params.bi.mean_colour), ops)
    return RawBlend(ops.blend(foreground, images, mask), images, mask, np.ones(len(images)))


def transfer_colours(foregrounds: Tensor, backgrounds: Tensor, region: Tensor, mean_only: NDArray[np.bool_], ops: ImageOps) -> Tensor:
    """Give foregrounds (B, 3, H, W) the colour statistics of the backgrounds in a region.

    region: uint8 (B, 1, H, W) of 0 and 1, not empty; mean_only: bool (B,), True to match the mean of red, green and blue only, False to
    match mean and standard deviation in Lab (Reinhard et al. 2001).
    """
    changed = torch.empty_like(foregrounds, memory_format=torch.channels_last)
    for transfer, items in ((_shift_means, np.flatnonzero(mean_only)), (_match_in_lab, np.flatnonzero(~mean_only))):
        if len(items):
            put(changed, items, transfer(take(foregrounds, items), take(backgrounds, items), take(region, items), ops))
    return changed


def _shift_means(foregrounds: Tensor, backgrounds: Tensor, region: Tensor, ops: ImageOps) -> Tensor:
    (mean, _), (target_mean, _) = (ops.moments(images, region) for images in (foregrounds, backgrounds))
    offset = (target_mean - mean).double().cpu().numpy()
    matrices = np.concatenate([np.tile(np.eye(3), (len(offset), 1, 1)), offset[..., None]], axis=2)
    return ops.recolour(foregrounds, matrices)


def _match_in_lab(foregrounds: Tensor, backgrounds: Tensor, region: Tensor, ops: ImageOps) -> Tensor:
    lab = ops.to_lab(foregrounds)
    (mean, deviation), (target_mean, target_deviation) = (ops.moments(values, region) for values in (lab, ops.to_lab(backgrounds)))
    gain = (target_deviation / deviation.clamp(min=MIN_DEVIATION)).clamp(1 / MAX_GAIN, MAX_GAIN)
    return ops.from_lab(ops.scale(lab, gain, target_mean - gain * mean))
