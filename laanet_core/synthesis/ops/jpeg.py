"""JPEG compression as tensor arithmetic, one quality an image: the pixels that libjpeg-turbo's defaults leave (ITU-T T.81, 4:2:0).

Entropy coding loses nothing and is left out. The arithmetic is libjpeg's own in integers: 16-bit fixed-point colours, 'islow' transform,
triangle up-sampling. The transform runs in float64, exact for its integers; a float32 product may run as TF32, or in autocast's 16 bits.
Nothing waits for the device.
"""

from __future__ import annotations

import torch
from torch import Tensor

from laanet_core.errors import LaanetError

LUMINANCE_TABLE = (  # T.81, table K.1
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
CHROMINANCE_TABLE = (  # T.81, table K.2
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)
# sqrt(2) cos((2n + 1) k pi / 16) in 13-bit fixed point. Where an entry is one off the nearest integer, it is the sum of the rounded
# factors of the fast transform (Loeffler, Ligtenberg and Moschytz, 1989), which rounds nothing between its input and its output.
COSINES = (
    (8192, 8192, 8192, 8192, 8192, 8192, 8192, 8192),
    (11363, 9633, 6437, 2260, -2260, -6437, -9633, -11363),
    (10703, 4433, -4433, -10703, -10703, -4433, 4433, 10703),
    (9633, -2259, -11362, -6436, 6436, 11362, 2259, -9633),
    (8192, -8192, -8192, 8192, 8192, -8192, -8192, 8192),
    (6437, -11362, 2261, 9633, -9633, -2261, 11362, -6437),
    (4433, -10704, 10704, -4433, -4433, 10704, -10704, 4433),
    (2260, -6436, 9633, -11363, 11363, -9633, 6436, -2260),
)


def compress(images: Tensor, quality: Tensor) -> Tensor:
    """Images (B, 3, H, W), uint8 RGB, as they look after JPEG at `quality` (B,), integers from 1 to 100; memory format as given.

    Raises LaanetError for a wrong type or shape; values of `quality` are not looked at, as that would wait for the device.
    """
    check_inputs(images, quality)
    height, width = images.shape[2:]
    luma, chroma = split_colours(extend(images, height + height % 2, width + -width % 16))
    chroma = quantise(halve(chroma), scaled_table(CHROMINANCE_TABLE, quality))
    luma = quantise(luma[..., :height, :width], scaled_table(LUMINANCE_TABLE, quality))
    chroma = double(chroma[..., : (width + 1) // 2])[..., :height, :width]
    colours = join_colours(luma, chroma)
    form = torch.channels_last if images.is_contiguous(memory_format=torch.channels_last) else torch.contiguous_format
    return colours.contiguous(memory_format=form)


def check_inputs(images: Tensor, quality: Tensor) -> None:
    """Refuse images that are not uint8 (B, 3, H, W) with pixels in them, and qualities that are not one integer for each."""
    if images.dtype != torch.uint8 or images.dim() != 4 or images.shape[1] != 3 or 0 in images.shape:
        raise LaanetError(f"images: {images.dtype} {tuple(images.shape)}; give uint8 RGB of shape (B, 3, H, W), none of them 0.")
    if quality.shape != images.shape[:1] or quality.dtype not in (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64):
        raise LaanetError(f"quality: {quality.dtype} {tuple(quality.shape)}; give integers of shape ({len(images)},), from 1 to 100.")


def extend(planes: Tensor, height: int, width: int) -> Tensor:
    """Planes (..., h, w) with the last row and the last column repeated up to (..., height, width)."""
    for dim, size in ((-2, height), (-1, width)):
        if planes.shape[dim] < size:
            index = torch.arange(size, device=planes.device).clamp_(max=planes.shape[dim] - 1)
            planes = planes.index_select(dim, index)
    return planes


def split_colours(images: Tensor) -> tuple[Tensor, Tensor]:
    """Luma (B, 1, H, W) and chroma (B, 2, H, W), int32 around 0, of images (B, 3, H, W), uint8 RGB."""
    luma = weigh(images, (19595, 38470, 7471), 32768) - 128
    blueness, redness = weigh(images, (-11059, -21709, 32768), 32767), weigh(images, (32768, -27439, -5329), 32767)
    return luma[:, None], torch.stack([blueness, redness], dim=1)


def join_colours(luma: Tensor, chroma: Tensor) -> Tensor:
    """Images (B, 3, H, W), uint8 RGB, of luma (B, 1, H, W) and chroma (B, 2, H, W), int32 around 0."""
    light = luma[:, 0] + 128
    colours = [weigh(chroma, weights, 32768).add_(light) for weights in ((0, 91881), (-22554, -46802), (116130, 0))]
    return torch.stack([colour.clamp_(0, 255).to(torch.uint8) for colour in colours], dim=1)


def weigh(planes: Tensor, weights: tuple[int, ...], rounding: int) -> Tensor:
    """Sum of planes (B, C, H, W) by their C weights in 16-bit fixed point, rounded down after `rounding` is added: int32 (B, H, W)."""
    total = torch.full_like(planes[:, 0], rounding, dtype=torch.int32)
    for plane, weight in zip(planes.unbind(1), weights, strict=True):
        total.add_(plane, alpha=weight)
    return total.bitwise_right_shift_(16)


def halve(planes: Tensor) -> Tensor:
    """Means (..., H/2, W/2) of two by two samples of planes (..., H, W), int32; a half is rounded down and up in turns along a row."""
    rows = planes[..., ::2, :] + planes[..., 1::2, :]
    sums = rows[..., ::2] + rows[..., 1::2]
    return sums.add_(1 + torch.arange(sums.shape[-1], device=sums.device, dtype=torch.int32) % 2).bitwise_right_shift_(2)


def double(planes: Tensor) -> Tensor:
    """Planes (..., 2h, 2w) whose samples weigh the nearest four of planes (..., h, w), int32, by 9:3:3:1, or repeat one if w <= 2."""
    if planes.shape[-1] <= 2:
        return planes.repeat_interleave(2, dim=-2).repeat_interleave(2, dim=-1)
    sums = lean(lean(planes, 2), 3)
    return sums.add_(8 - torch.arange(sums.shape[-1], device=sums.device, dtype=torch.int32) % 2).bitwise_right_shift_(4)


def lean(planes: Tensor, dim: int) -> Tensor:
    """Two sums for each sample along `dim`: three times it and the one before, three times it and the one after; edges repeat."""
    last = planes.shape[dim] - 1
    before = torch.cat([planes.narrow(dim, 0, 1), planes.narrow(dim, 0, last)], dim)
    after = torch.cat([planes.narrow(dim, 1, last), planes.narrow(dim, last, 1)], dim)
    return torch.stack([before.add_(planes, alpha=3), after.add_(planes, alpha=3)], dim + 1).flatten(dim, dim + 1)


def scaled_table(table: tuple[tuple[int, ...], ...], quality: Tensor) -> Tensor:
    """Quantisation steps of `table` (8, 8) at `quality` (B,), as libjpeg scales them: float64 (B, 8, 8)."""
    quality = quality.to(torch.int32)
    percent = torch.where(quality < 50, 5000 // quality, 200 - 2 * quality)[:, None, None]
    steps = torch.tensor(table, dtype=torch.int32).to(quality.device, non_blocking=True) * percent
    return ((steps + 50) // 100).clamp_(1, 255).double()


def quantise(planes: Tensor, steps: Tensor) -> Tensor:
    """Planes (B, C, H, W), int32 around 0, after DCT, rounding to multiples of `steps` (B, 8, 8) and inverse DCT, within -128..127."""
    height, width = planes.shape[2:]
    values = extend(planes, height + -height % 8, width + -width % 8).double()
    bands, blocks = (*values.shape[:2], -1, 8, values.shape[3]), (*values.shape[:2], -1, 8, values.shape[3] // 8, 8)
    cosines = torch.tensor(COSINES, dtype=torch.float64).to(values.device, non_blocking=True)
    steps = steps[:, None, None, :, None, :]
    values = rounded(values.reshape(blocks) @ (cosines.T / 2**11))
    values = rounded((cosines / 2**15) @ values.reshape(bands)).reshape(blocks)  # the coefficients of T.81, times eight
    values = rounded(values.abs().div_(8 * steps)).copysign_(values).mul_(steps)
    values = rounded((cosines.T / 2**11) @ values.reshape(bands)).reshape(blocks)
    values = rounded(values @ (cosines / 2**18)).clamp_(-128, 127)
    return values.flatten(4).flatten(2, 3)[..., :height, :width].to(torch.int32)


def rounded(values: Tensor) -> Tensor:
    """The nearest integers, halves up; in place."""
    return values.add_(0.5).floor_()
