"""Self-blended images: a real face blended with a changed copy of itself (reference_facts, section 5)."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from laanet_core.errors import LaanetError
from laanet_core.params import SynthesisParams
from laanet_core.synthesis.blending import alpha_blend, blending_boundary
from laanet_core.synthesis.colour import Rgb, colour_matrix, pixelate, recolour, sharpen
from laanet_core.synthesis.masks import HULLS, REFERENCE_SIZE, Mask, Points, blending_mask, hull_polygons, usable

DEFAULTS = SynthesisParams(method="sbi", mask_precision="uint8", blend_ratios=[0.25, 0.5, 0.75, 1.0, 1.0, 1.0])
RGB_SHIFT, RGB_SHIFT_PROBABILITY = 20.0, 0.3
# The published +-0.3 comes without a unit. Saturation: relative; hue: 8-bit steps of two degrees, since .3 of a circle makes green faces.
SATURATION, HUE = 0.3, 0.3 * np.deg2rad(2)
BRIGHTNESS_CONTRAST = 0.1
PIXELATE_FACTORS = (2, 4)
# of a 384 px crop: scaled with it, since blocks of 4 pixels in a crop of 160 are a cue that spares the network from finding seams
SHARPEN = (0.2, 0.5)
SHIFT_X, SHIFT_Y, SCALE = 0.03, 0.015, 0.95


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


class _Item(NamedTuple):
    fake: Rgb
    real: Rgb
    mask: Mask
    ok: bool
    ratio: np.float32


def self_blend(images: Tensor, landmarks: Tensor, generator: torch.Generator, params: SynthesisParams | None = None) -> Blend:
    """Make one pseudo-fake from each real face.

    images: uint8 (B, 3, H, W) RGB; landmarks: (B, 68, 2) crop pixels (x, y); generator: the only source of chance, one draw of it
    an item. The colour change falls on the background in half of the cases: `real` is then the changed image, so that a real and its
    fake have the same bytes outside the mask. Raises LaanetError for other shapes or types.
    """
    params = params or DEFAULTS
    _check(images, landmarks)
    seeds = torch.randint(2**63 - 1, (len(images),), generator=generator, device=generator.device).tolist()
    points = landmarks.detach().cpu().numpy().astype(np.float32)
    planes = images.detach().cpu().numpy()
    items = [_blend_item(*item, params) for item in zip(planes, points, map(np.random.default_rng, seeds), strict=True)]
    fake, real = (_stack([getattr(item, name) for item in items], images) for name in ("fake", "real"))
    mask = torch.from_numpy(np.stack([item.mask for item in items])[:, None]).to(images.device)
    ok, ratio = (torch.tensor(np.array([getattr(item, name) for item in items]), device=images.device) for name in ("ok", "ratio"))
    return Blend(fake, real, mask, blending_boundary(mask), ok, ratio)


def _check(images: Tensor, landmarks: Tensor) -> None:
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] != 3 or not images.numel():
        raise LaanetError(f"images: {images.dtype} {tuple(images.shape)}; give uint8 RGB of shape (B, 3, H, W), none of them 0.")
    if landmarks.shape != (len(images), 68, 2):
        raise LaanetError(f"landmarks: shape {tuple(landmarks.shape)}; give ({len(images)}, 68, 2), crop pixels (x, y).")


def _stack(images: list[Rgb], like: Tensor) -> Tensor:
    """Images (H, W, 3) as one tensor (B, 3, H, W) on the device of `like`."""
    return torch.from_numpy(np.stack([np.stack(cv2.split(image)) for image in images])).to(like.device)


def _blend_item(planes: NDArray[np.uint8], landmarks: Points, generator: np.random.Generator, params: SynthesisParams) -> _Item:
    """The pseudo-fake of one image (3, H, W) with landmarks (68, 2)."""
    image = np.asarray(cv2.merge(list(planes)), np.uint8)
    height, width = image.shape[:2]
    refused = _Item(image, image, np.zeros((height, width), np.float32), False, np.float32(1))
    if not usable(landmarks, height, width):
        return refused
    motion = _motion(generator, height, width)
    polygons = hull_polygons(landmarks, HULLS[generator.integers(len(HULLS))])
    moved = [np.asarray(cv2.transform(polygon[:, None], motion)[:, 0], np.float32) for polygon in polygons]
    mask = blending_mask(moved, height, width, generator, params.mask_precision)
    if not mask.any():
        return refused
    changed = _change_colours(image, generator)
    source, target = (changed, image) if generator.random() < 0.5 else (image, changed)
    foreground = cv2.warpAffine(source, motion, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    ratio = np.float32(generator.choice(params.blend_ratios))
    mask = mask * ratio
    return _Item(alpha_blend(foreground, target, mask), target, mask, True, ratio)


def _motion(generator: np.random.Generator, height: int, width: int) -> NDArray[np.float32]:
    """Affine matrix (2, 3) from source to target pixels: shift up to 3 % across and 1.5 % down, scale .95 to 1/.95 about the centre."""
    scale = generator.uniform(SCALE, 1 / SCALE)
    shift = generator.uniform(-1, 1, 2) * (SHIFT_X * width, SHIFT_Y * height)
    centre = np.array([width - 1, height - 1]) / 2
    offset = (1 - scale) * centre + shift
    return np.array([[scale, 0, offset[0]], [0, scale, offset[1]]], np.float32)


def _change_colours(image: Rgb, generator: np.random.Generator) -> Rgb:
    """Shift of the channels, hue, saturation, brightness and contrast in one matrix, then either a coarser or a sharper image."""
    contrast, brightness = generator.uniform(-BRIGHTNESS_CONTRAST, BRIGHTNESS_CONTRAST, 2)
    saturation, hue = generator.uniform(-1, 1, 2) * (SATURATION, HUE)
    matrix = colour_matrix(contrast, brightness, saturation, hue)
    if generator.random() < RGB_SHIFT_PROBABILITY:
        matrix[:, 3] += generator.uniform(-RGB_SHIFT, RGB_SHIFT, 3)
    recoloured = recolour(image, matrix)
    if generator.random() < 0.5:
        return pixelate(recoloured, generator.choice(PIXELATE_FACTORS) * max(image.shape[:2]) / REFERENCE_SIZE)
    return sharpen(recoloured, generator.uniform(*SHARPEN))
