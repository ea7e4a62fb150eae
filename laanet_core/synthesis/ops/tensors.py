"""`image_ops.ImageOps` on tensors, for a complete batch at once on any device."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d, grid_sample, pad

from laanet_core.synthesis.ops import jpeg
from laanet_core.synthesis.ops.resampling import central_pixels, filter_matrices, gaussian_taps, resize_matrices
from laanet_core.synthesis.ops.types import Softening, Values

# linear sRGB (IEC 61966-2-1) to XYZ, each row relative to the D65 white point
_XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
_XYZ /= _XYZ.sum(axis=1, keepdims=True)
_RGB = np.linalg.inv(_XYZ)


def warp(images: Tensor, matrices: Values) -> Tensor:
    return _to_bytes(_sample(images.float(), matrices))


def warp_masks(masks: Tensor, matrices: Values) -> Tensor:
    return _sample(masks, matrices).clamp(0, 1)


def _sample(images: Tensor, matrices: Values) -> Tensor:
    """Warp images (B, C, H, W) by affine matrices (B, 2, 3) from old to new pixels."""
    height, width = images.shape[-2:]
    square = np.concatenate([matrices, np.broadcast_to([0.0, 0.0, 1.0], (len(matrices), 1, 3))], axis=1)
    inverse = torch.as_tensor(np.linalg.inv(square)[:, :2], device=images.device)
    x, y = torch.arange(width, device=images.device), torch.arange(height, device=images.device)[:, None]
    a, b, c = inverse[..., None, None].unbind(dim=2)
    return _sample_at(images, a * x + b * y + c, "reflection")


def _sample_at(images: Tensor, positions: Tensor, border: str) -> Tensor:
    """Sample images (B, C, H, W) bilinearly at positions (B, 2, h, w) in pixels (x, y)."""
    span = torch.tensor([images.shape[-1] - 1, images.shape[-2] - 1], device=images.device).clamp(min=1)
    grid = (positions.permute(0, 2, 3, 1) * (2 / span) - 1).float()
    return grid_sample(images, grid, mode="bilinear", padding_mode=border, align_corners=True)


def recolour(images: Tensor, matrices: Values) -> Tensor:
    return _to_bytes(_mix(images.float(), torch.as_tensor(matrices, dtype=torch.float32, device=images.device)))


def _mix(images: Tensor, matrices: Tensor) -> Tensor:
    """Mix channels (B, 3, H, W) by matrices (B, 3, 3 or 4), in full precision regardless of a GPU's matrix settings."""
    red, green, blue = images[:, None].unbind(dim=2)
    column = matrices[..., None, None].unbind(dim=2)
    mixed = column[0] * red + column[1] * green + column[2] * blue
    return mixed + column[3] if len(column) == 4 else mixed


def pixelate(images: Tensor, factors: Values) -> Tensor:
    rows, columns = (
        torch.as_tensor(np.stack([central_pixels(length, factor) for factor in factors]), device=images.device)
        for length in images.shape[-2:]
    )
    item = torch.arange(len(images), device=images.device)[:, None, None]
    return images.permute(0, 2, 3, 1)[item, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def sharpen(images: Tensor, amounts: Values) -> Tensor:
    amount = _column(amounts, images.device)
    values = images.float()
    mean = avg_pool2d(pad(values, (1, 1, 1, 1), mode="reflect"), 3, stride=1).round()
    return _to_bytes((1 + amount) * values - amount * mean)


def blur(images: Tensor, sigmas: Values) -> Tensor:
    taps = [gaussian_taps(round(6 * sigma + 1) | 1, sigma) for sigma in sigmas]
    return _to_bytes(_filter(images.float(), taps))


def look_up(indices: Tensor, levels: NDArray[np.int16]) -> Tensor:
    table = torch.as_tensor(levels, device=indices.device)
    item = torch.arange(len(indices), device=indices.device)[:, None, None, None]
    return table[item, indices.int()]


def add(images: Tensor, changes: Tensor) -> Tensor:
    return (images + changes).clamp_(0, 255).to(torch.uint8).contiguous(memory_format=torch.channels_last)


def compress(images: Tensor, qualities: NDArray[np.int64]) -> Tensor:
    compressed = jpeg.compress(images, torch.as_tensor(qualities, device=images.device))
    return compressed.contiguous(memory_format=torch.channels_last)


def blend(foregrounds: Tensor, backgrounds: Tensor, masks: Tensor) -> Tensor:
    return _to_bytes(torch.lerp(backgrounds.float(), foregrounds.float(), masks))


def to_lab(images: Tensor) -> Tensor:
    value = images.float() / 255
    linear = torch.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    xyz = _mix(linear, torch.as_tensor(_XYZ, dtype=torch.float32, device=images.device)[None])
    x, y, z = torch.where(xyz > 0.008856, xyz ** (1 / 3), 7.787 * xyz + 16 / 116).unbind(dim=1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=1)


def from_lab(lab: Tensor) -> Tensor:
    lightness, a, b = lab.unbind(dim=1)
    y = (lightness + 16) / 116
    f = torch.stack([y + a / 500, y, y - b / 200], dim=1)
    xyz = torch.where(f > 0.206893, f**3, (f - 16 / 116) / 7.787)
    linear = _mix(xyz, torch.as_tensor(_RGB, dtype=torch.float32, device=lab.device)[None]).clamp(0, 1)
    return _to_bytes(255 * torch.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055))


def moments(images: Tensor, region: Tensor) -> tuple[Tensor, Tensor]:
    inside, values = region.flatten(2).float(), images.flatten(2).float()
    count = inside.sum(dim=2)
    mean = (values * inside).sum(dim=2) / count
    return mean, (((values - mean[..., None]).square() * inside).sum(dim=2) / count).sqrt()


def scale(values: Tensor, gains: Tensor, offsets: Tensor) -> Tensor:
    return values * gains[..., None, None] + offsets[..., None, None]


def soften(silhouettes: Tensor, shifts: Tensor, softening: Softening) -> Tensor:
    moved = _deform(silhouettes.float(), shifts, softening.sides)
    kept = _change_edge(moved, softening)
    taps = [gaussian_taps(kernel, sigma) for kernel, sigma in zip(softening.feather_kernel, softening.feather_sigma, strict=True)]
    soft = _filter(kept, taps, softening.sides)
    full_sides = np.tile(silhouettes.shape[-2:], (len(softening.sides), 1))
    mask = _resize(soft, softening.sides, full_sides)
    peak = mask.amax(dim=(2, 3), keepdim=True)
    return (mask / peak.where(peak > 0, 1)).clamp(0, 1)


def _deform(silhouettes: Tensor, shifts: Tensor, sides: NDArray[np.int64]) -> Tensor:
    """Resize silhouettes to `sides` (B, 2) and deform them by `shifts`, on a canvas of the largest side: 0 and 1."""
    field_sides = np.full_like(sides, shifts.shape[-1])
    positions = _resize(shifts, field_sides, sides)
    for axis, (length, pixels) in enumerate(zip(silhouettes.shape[:1:-1], sides.T[::-1], strict=True)):
        step = length / torch.as_tensor(pixels, device=shifts.device)[:, None]
        centre = ((torch.arange(positions.shape[-1 - axis], device=shifts.device) + 0.5) * step - 0.5).float()
        positions[:, axis] += centre[:, None] if axis == 0 else centre[..., None]
    return (_sample_at(silhouettes, positions, "border") >= 0.5).float()


def _change_edge(moved: Tensor, softening: Softening) -> Tensor:
    """Smooth, erode or dilate the contours of binary masks (B, 1, h, w)."""
    kernels, edge = softening.edge_kernel, _column(softening.edge, moved.device)
    taps = [
        gaussian_taps(kernel, 0) if step == 0 else np.full(kernel, 1 / kernel) for kernel, step in zip(kernels, softening.edge, strict=True)
    ]
    mean = _filter(moved, taps, softening.sides)
    half_weight = 0.5 / _column(kernels.astype(np.float64), moved.device) ** 2
    return (mean > torch.where(edge < 0, 1 - half_weight, torch.where(edge > 0, half_weight, 0.5))).float()


def _filter(images: Tensor, taps: list[NDArray[np.float64]], sides: NDArray[np.int64] | None = None) -> Tensor:
    """Filter images (B, C, h, w) along both sides with the taps of each item, borders mirrored at `sides` (B, 2), by default (h, w)."""
    height, width = images.shape[-2:]
    sides = np.tile([height, width], (len(images), 1)) if sides is None else sides
    down, across = (filter_matrices(taps, sides[:, axis], size, images.device)[:, None] for axis, size in enumerate((height, width)))
    return down @ images @ across.mT


def _resize(images: Tensor, before: NDArray[np.int64], after: NDArray[np.int64]) -> Tensor:
    """Resize images from sides `before` (B, 2) on their canvas (B, C, h, w) to `after` (B, 2) on a canvas of the largest side."""
    down, across = (
        resize_matrices(after[:, axis], before[:, axis], int(after[:, axis].max()), images.shape[2 + axis], images.device)[:, None]
        for axis in range(2)
    )
    return down @ images @ across.mT


def _column(values: NDArray[np.float64] | NDArray[np.int64], device: torch.device) -> Tensor:
    """Values (B,) as float32 (B, 1, 1, 1)."""
    return torch.as_tensor(values, dtype=torch.float32, device=device)[:, None, None, None]


def _to_bytes(values: Tensor) -> Tensor:
    """Round and clip to uint8, channels-last."""
    return values.round().clamp(0, 255).to(torch.uint8).contiguous(memory_format=torch.channels_last)
