"""`image_ops.ImageOps` with OpenCV, image by image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from laanet_core.synthesis.ops.resampling import central_pixels, pixel_centres
from laanet_core.synthesis.ops.types import Softening, Values
from laanet_core.types import Image, Map, Mask

_LINEAR: dict[str, Any] = {"flags": cv2.INTER_LINEAR, "borderMode": cv2.BORDER_REFLECT_101}
# sRGB transfer function for each byte. OpenCV's own sRGB to Lab interpolates a coarse table, which made fakes 0.4 grey levels darker.
_LEVEL = np.arange(256) / 255
_LINEAR_LIGHT = np.where(_LEVEL <= 0.04045, _LEVEL / 12.92, ((_LEVEL + 0.055) / 1.055) ** 2.4).astype(np.float32)


def warp(images: Tensor, matrices: Values) -> Tensor:
    return _each(lambda image, matrix: cv2.warpAffine(image, matrix, image.shape[1::-1], **_LINEAR), images, matrices)


def warp_masks(masks: Tensor, matrices: Values) -> Tensor:
    moved = [cv2.warpAffine(mask[0], matrix, mask.shape[:0:-1], **_LINEAR) for mask, matrix in zip(masks.numpy(), matrices, strict=True)]
    return torch.from_numpy(np.stack(moved))[:, None]


def recolour(images: Tensor, matrices: Values) -> Tensor:
    return _each(cv2.transform, images, matrices.astype(np.float32))


def pixelate(images: Tensor, factors: Values) -> Tensor:
    def coarse(image: Image, factor: float) -> Image:
        rows, columns = (central_pixels(length, factor) for length in image.shape[:2])
        return image.take(rows, axis=0).take(columns, axis=1)

    return _each(coarse, images, factors)


def sharpen(images: Tensor, amounts: Values) -> Tensor:
    return _each(lambda image, amount: cv2.addWeighted(image, 1 + amount, cv2.blur(image, (3, 3)), -amount, 0), images, amounts)


def blur(images: Tensor, sigmas: Values) -> Tensor:
    return _each(lambda image, sigma: cv2.GaussianBlur(image, (0, 0), sigma), images, sigmas)


def look_up(indices: Tensor, levels: NDArray[np.int16]) -> Tensor:
    return _each(cv2.LUT, indices, levels)


def add(images: Tensor, changes: Tensor) -> Tensor:
    return _each(lambda image, change: cv2.add(image, change, dtype=cv2.CV_8U), images, _channels_last(changes))


def compress(images: Tensor, qualities: NDArray[np.int64]) -> Tensor:
    def through_jpeg(image: Image, quality: int) -> Any:
        encoded = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, int(quality)])[1]
        return cv2.cvtColor(cv2.imdecode(encoded, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)

    return _each(through_jpeg, images, qualities)


def blend(foregrounds: Tensor, backgrounds: Tensor, masks: Tensor) -> Tensor:
    return _each(_blend, backgrounds, _channels_last(foregrounds), masks[:, 0].numpy())


def _blend(background: Image, foreground: Image, mask: Map) -> Image:
    """Blend one image, computing only the bounding box of the mask."""
    blended = background.copy()
    left, top, width, height = cv2.boundingRect((mask > 0).view(np.uint8))
    if width and height:
        box = np.s_[top : top + height, left : left + width]
        weights = np.ascontiguousarray(mask[box])
        blended[box] = cv2.blendLinear(np.ascontiguousarray(foreground[box]), np.ascontiguousarray(background[box]), weights, 1 - weights)
    return blended


def to_lab(images: Tensor) -> Tensor:
    return _each(lambda image: cv2.cvtColor(cv2.LUT(image, _LINEAR_LIGHT), cv2.COLOR_LRGB2Lab), images)


def from_lab(lab: Tensor) -> Tensor:
    def to_bytes(image: NDArray[np.float32]) -> Any:
        return cv2.convertScaleAbs(cv2.cvtColor(image, cv2.COLOR_Lab2RGB), alpha=255)

    return _each(to_bytes, lab)


def moments(images: Tensor, region: Tensor) -> tuple[Tensor, Tensor]:
    statistics = [cv2.meanStdDev(image, mask=inside) for image, inside in zip(_channels_last(images), region[:, 0].numpy(), strict=True)]
    mean, deviation = (torch.from_numpy(np.stack(parts)[..., 0]).float() for parts in zip(*statistics, strict=True))
    return mean, deviation


def scale(values: Tensor, gains: Tensor, offsets: Tensor) -> Tensor:
    matrices = torch.cat([torch.diag_embed(gains), offsets[..., None]], dim=2).numpy()
    return _each(cv2.transform, values, matrices)


def soften(silhouettes: Tensor, shifts: Tensor, softening: Softening) -> Tensor:
    fields = shifts.permute(0, 2, 3, 1).contiguous().numpy()
    items = zip(silhouettes[:, 0].numpy(), fields, *softening, strict=True)
    return torch.from_numpy(np.stack([_soften(*item) for item in items]))[:, None]


def _soften(
    silhouette: Image, field: NDArray[np.float32], sides: NDArray[np.int64], edge: int, edge_kernel: int, kernel: int, sigma: float
) -> Map:
    """Soften the silhouette (H, W) of one item, see `ImageOps.soften`."""
    moved = _deform(silhouette, field, int(sides[0]), int(sides[1]))
    kept = _change_edge(moved, edge, int(edge_kernel)).astype(np.float32)
    soft = cv2.GaussianBlur(kept, (int(kernel), int(kernel)), float(sigma))
    mask = np.asarray(cv2.resize(soft, silhouette.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
    peak = mask.max()
    return mask / peak if peak > 0 else mask


def _deform(silhouette: Image, field: NDArray[np.float32], height: int, width: int) -> Image:
    """Resize a silhouette and deform it by a coarse field of shifts (n, n, 2): 0 and 1."""
    source = cv2.resize(field, (width, height))
    source[..., 0] += pixel_centres(width, silhouette.shape[1])
    source[..., 1] += pixel_centres(height, silhouette.shape[0])[:, None]
    moved = cv2.remap(silhouette * np.uint8(255), source, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return (np.asarray(moved) > 127).view(np.uint8)


def _change_edge(mask: Image, edge: int, kernel: int) -> Image | Mask:
    """Smooth, erode or dilate the contour of a binary mask (h, w)."""
    if edge == 0:
        return np.asarray(cv2.GaussianBlur(mask.astype(np.float32), (kernel, kernel), 0)) > 0.5
    return np.asarray((cv2.erode if edge < 0 else cv2.dilate)(mask, np.ones((kernel, kernel), np.uint8)), np.uint8)


def _each(change: Callable[..., Any], images: Tensor, *values: Any) -> Tensor:
    """Apply a function to each of the images (B, 3, H, W), as (H, W, 3), and to its entry of `values`."""
    changed = [change(*item) for item in zip(_channels_last(images), *values, strict=True)]
    return torch.from_numpy(np.stack(changed)).permute(0, 3, 1, 2)


def _channels_last(images: Tensor) -> Any:
    """Images (B, C, H, W) as an array (B, H, W, C)."""
    return images.permute(0, 2, 3, 1).contiguous().numpy()
