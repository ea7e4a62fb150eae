"""Blending (Eq. 1), its boundary (Eq. 2), and what a batch of pseudo-fakes is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from laanet_core.errors import LaanetError
from laanet_core.synthesis.ops.batches import take


class Blend(NamedTuple):
    """A batch of pseudo-fakes.

    fake: I_M and real: I_B of Eq. 1, uint8 (B, 3, H, W); mask: the M that blends, blend ratio included, and boundary: B of Eq. 2, float32
    (B, 1, H, W) in [0, 1]; ok: bool (B,), False where the landmarks allow no blend: there fake = real = the image and mask = 0;
    ratio: float32 (B,) in (0, 1], the blend ratio that the mask was scaled by, 1 where ok is False.
    """

    fake: Tensor
    real: Tensor
    mask: Tensor
    boundary: Tensor
    ok: Tensor
    ratio: Tensor


class Made(NamedTuple):
    """Pseudo-fakes of the usable images of a batch, as in `Blend`; a mask of 0 is no blend."""

    fake: Tensor
    real: Tensor
    mask: Tensor
    ratio: NDArray[np.float64]


def blend_where(images: Tensor, usable: NDArray[np.bool_], make: Callable[[Tensor, NDArray[np.int64]], Made]) -> Blend:
    """The blends of a batch: `make` is given the usable images and their numbers, once, and the others are refused."""
    images = images.contiguous(memory_format=torch.channels_last)
    items = np.flatnonzero(usable)
    if len(items) == len(images):
        return _keep_seen(make(images, items), images)
    height, width = images.shape[-2:]
    none = Made(images, images, torch.zeros(len(images), 1, height, width, device=images.device), np.ones(len(images)))
    if not len(items):
        return _keep_seen(none, images)
    part = _keep_seen(make(take(images, items), items), take(images, items))
    whole = Blend(*(part.clone() for part in _keep_seen(none, images)))
    at = torch.from_numpy(items).to(images.device)
    for of_all, of_part in zip(whole, part, strict=True):
        of_all[at] = of_part
    return whole


def _keep_seen(made: Made, images: Tensor) -> Blend:
    """The blends, and the images themselves where a mask is 0."""
    seen = made.mask.flatten(1).amax(dim=1) > 0
    ratio = torch.as_tensor(made.ratio, dtype=torch.float32).to(images.device).where(seen, 1)
    lost = seen.logical_not()[:, None, None, None]
    fake, real = (
        (torch.where(lost, images, made_images) for made_images in (made.fake, made.real)) if not seen.all() else (made.fake, made.real)
    )
    return Blend(fake, real, made.mask, blending_boundary(made.mask), seen, ratio)


def blending_boundary(mask: Tensor) -> Tensor:
    """B = 4 M (1 - M) (Eq. 2), any shape: 0 where one image is alone, 1 where both contribute alike."""
    return 4 * mask * (1 - mask)


def check_batch(images: Tensor, landmarks: Tensor | NDArray[Any], name: str = "images") -> None:
    """Raise LaanetError unless images are uint8 (B, 3, H, W) with landmarks (B, 68, 2)."""
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] != 3 or not images.numel():
        raise LaanetError(f"{name}: {images.dtype} {tuple(images.shape)}; give uint8 RGB of shape (B, 3, H, W), none of them 0.")
    if tuple(landmarks.shape) != (len(images), 68, 2):
        raise LaanetError(f"landmarks: shape {tuple(landmarks.shape)}; give ({len(images)}, 68, 2), crop pixels (x, y).")
