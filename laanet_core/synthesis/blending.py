"""Batches of pseudo-fakes: blending (Eq. 1) and its boundary (Eq. 2)."""

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

    fake, real: I_M and I_B of Eq. 1, uint8 (B, 3, H, W); mask: M of Eq. 1, scaled by the blend ratio, and boundary: B of Eq. 2, float32
    (B, 1, H, W) in [0, 1]; ok: bool (B,), False if the landmarks are unusable: then fake = real = the image and mask = 0; ratio: float32
    (B,) in (0, 1], the blend ratio, 1 if ok is False.
    """

    fake: Tensor
    real: Tensor
    mask: Tensor
    boundary: Tensor
    ok: Tensor
    ratio: Tensor


class RawBlend(NamedTuple):
    """Pseudo-fakes of images that are all usable, as in `Blend`. A mask of 0 means that the blend failed."""

    fake: Tensor
    real: Tensor
    mask: Tensor
    ratio: NDArray[np.float64]


def blend_usable(images: Tensor, usable: NDArray[np.bool_], make: Callable[[Tensor, NDArray[np.int64]], RawBlend]) -> Blend:
    """Blend the usable images of a batch. make: called once with the usable images and their indices; the other images get `ok` False."""
    images = images.contiguous(memory_format=torch.channels_last)
    items = np.flatnonzero(usable)
    if len(items) == len(images):
        return _finish(make(images, items), images)
    height, width = images.shape[-2:]
    refused = RawBlend(images, images, torch.zeros(len(images), 1, height, width, device=images.device), np.ones(len(images)))
    if not len(items):
        return _finish(refused, images)
    blended = _finish(make(take(images, items), items), take(images, items))
    batch = Blend(*(field.clone() for field in _finish(refused, images)))
    at = torch.from_numpy(items).to(images.device)
    for field, values in zip(batch, blended, strict=True):
        field[at] = values
    return batch


def _finish(raw: RawBlend, images: Tensor) -> Blend:
    """Complete blends; where a mask is 0, fake and real are replaced by the image."""
    ok = raw.mask.flatten(1).amax(dim=1) > 0
    ratio = torch.as_tensor(raw.ratio, dtype=torch.float32).to(images.device).where(ok, 1)
    fake, real = raw.fake, raw.real
    if not ok.all():
        failed = ok.logical_not()[:, None, None, None]
        fake, real = torch.where(failed, images, fake), torch.where(failed, images, real)
    return Blend(fake, real, raw.mask, blending_boundary(raw.mask), ok, ratio)


def blending_boundary(mask: Tensor) -> Tensor:
    """B = 4 M (1 - M) (Eq. 2), any shape: 0 where only one image contributes, 1 where both contribute equally."""
    return 4 * mask * (1 - mask)


def check_batch(images: Tensor, landmarks: Tensor | NDArray[Any], name: str = "images") -> None:
    """Raise LaanetError unless images are uint8 (B, 3, H, W) with landmarks (B, 68, 2)."""
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] != 3 or not images.numel():
        raise LaanetError(f"{name}: {images.dtype} {tuple(images.shape)}; give uint8 RGB of shape (B, 3, H, W), no dimension 0.")
    if tuple(landmarks.shape) != (len(images), 68, 2):
        raise LaanetError(f"landmarks: shape {tuple(landmarks.shape)}; give ({len(images)}, 68, 2) in crop pixels (x, y).")
