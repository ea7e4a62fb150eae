"""JPEG compression and decompression as tensor operations, equal to libjpeg-turbo with default settings (ITU-T T.81, 4:2:0).

Entropy coding is lossless and left out. The integer arithmetic is libjpeg's: 16-bit fixed-point colours, 'islow' DCT, triangular
up-sampling. The DCT runs in float64, which is exact for its integers, whereas float32 products could run as TF32 or in autocast's 16 bits.
No operation synchronises with the device.
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
# sqrt(2) cos((2n + 1) k pi / 16) in 13-bit fixed point. Entries that differ by one from the nearest integer are sums of the
# rounded factors of the fast transform (Loeffler, Ligtenberg and Moschytz, 1989), which does not round intermediate results.
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
    """Compress and decompress images, uint8 RGB (B, 3, H, W), at `quality` (B,), integers from 1 to 100; the memory format is kept.

    Raises LaanetError for a wrong type or shape. Values of `quality` are not checked, since that would synchronise with the device.
    """
    check_inputs(images, quality)
    height, width = images.shape[2:]
    luma, chroma = rgb_to_ycc(replicate_edges(images, height + height % 2, width + -width % 16))
    chroma = quantise(subsample(chroma), quantisation_steps(CHROMINANCE_TABLE, quality))
    luma = quantise(luma[..., :height, :width], quantisation_steps(LUMINANCE_TABLE, quality))
    chroma = upsample(chroma[..., : (width + 1) // 2])[..., :height, :width]
    colours = ycc_to_rgb(luma, chroma)
    form = torch.channels_last if images.is_contiguous(memory_format=torch.channels_last) else torch.contiguous_format
    return colours.contiguous(memory_format=form)


def check_inputs(images: Tensor, quality: Tensor) -> None:
    """Raise LaanetError unless images are uint8 (B, 3, H, W) and not empty, and `quality` has one integer for each."""
    if images.dtype != torch.uint8 or images.dim() != 4 or images.shape[1] != 3 or 0 in images.shape:
        raise LaanetError(f"images: {images.dtype} {tuple(images.shape)}; give uint8 RGB of shape (B, 3, H, W), no dimension 0.")
    if quality.shape != images.shape[:1] or quality.dtype not in (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64):
        raise LaanetError(f"quality: {quality.dtype} {tuple(quality.shape)}; give integers of shape ({len(images)},), from 1 to 100.")


def replicate_edges(planes: Tensor, height: int, width: int) -> Tensor:
    """Pad planes (..., h, w) to (..., height, width) by repeating the last row and column."""
    for dim, size in ((-2, height), (-1, width)):
        if planes.shape[dim] < size:
            index = torch.arange(size, device=planes.device).clamp_(max=planes.shape[dim] - 1)
            planes = planes.index_select(dim, index)
    return planes


def rgb_to_ycc(images: Tensor) -> tuple[Tensor, Tensor]:
    """Convert images, uint8 RGB (B, 3, H, W), to luma (B, 1, H, W) and chroma (B, 2, H, W), int32 centred at 0."""
    luma = weighted_sum(images, (19595, 38470, 7471), 32768) - 128
    blue_chroma, red_chroma = weighted_sum(images, (-11059, -21709, 32768), 32767), weighted_sum(images, (32768, -27439, -5329), 32767)
    return luma[:, None], torch.stack([blue_chroma, red_chroma], dim=1)


def ycc_to_rgb(luma: Tensor, chroma: Tensor) -> Tensor:
    """Convert luma (B, 1, H, W) and chroma (B, 2, H, W), int32 centred at 0, to images, uint8 RGB (B, 3, H, W)."""
    grey = luma[:, 0] + 128
    colours = [weighted_sum(chroma, weights, 32768).add_(grey) for weights in ((0, 91881), (-22554, -46802), (116130, 0))]
    return torch.stack([colour.clamp_(0, 255).to(torch.uint8) for colour in colours], dim=1)


def weighted_sum(planes: Tensor, weights: tuple[int, ...], rounding: int) -> Tensor:
    """Weighted sum of planes (B, C, H, W) with C 16-bit fixed-point weights; `rounding` is added before rounding down: int32 (B, H, W)."""
    total = torch.full_like(planes[:, 0], rounding, dtype=torch.int32)
    for plane, weight in zip(planes.unbind(1), weights, strict=True):
        total.add_(plane, alpha=weight)
    return total.bitwise_right_shift_(16)


def subsample(planes: Tensor) -> Tensor:
    """Mean of 2x2 samples of planes (..., H, W), int32: (..., H/2, W/2); halves are rounded down and up alternately along a row."""
    rows = planes[..., ::2, :] + planes[..., 1::2, :]
    sums = rows[..., ::2] + rows[..., 1::2]
    return sums.add_(1 + torch.arange(sums.shape[-1], device=sums.device, dtype=torch.int32) % 2).bitwise_right_shift_(2)


def upsample(planes: Tensor) -> Tensor:
    """Up-sample planes (..., h, w), int32, to (..., 2h, 2w): the nearest four samples weighted 9:3:3:1, or replication if w <= 2."""
    if planes.shape[-1] <= 2:
        return planes.repeat_interleave(2, dim=-2).repeat_interleave(2, dim=-1)
    sums = upsample_side(upsample_side(planes, 2), 3)
    return sums.add_(8 - torch.arange(sums.shape[-1], device=sums.device, dtype=torch.int32) % 2).bitwise_right_shift_(4)


def upsample_side(planes: Tensor, dim: int) -> Tensor:
    """Replace each sample along `dim` by two sums: three times itself plus the previous or the next sample; edges are repeated."""
    last = planes.shape[dim] - 1
    before = torch.cat([planes.narrow(dim, 0, 1), planes.narrow(dim, 0, last)], dim)
    after = torch.cat([planes.narrow(dim, 1, last), planes.narrow(dim, last, 1)], dim)
    return torch.stack([before.add_(planes, alpha=3), after.add_(planes, alpha=3)], dim + 1).flatten(dim, dim + 1)


def quantisation_steps(table: tuple[tuple[int, ...], ...], quality: Tensor) -> Tensor:
    """Scale the quantisation table (8, 8) to `quality` (B,) as libjpeg does: float64 (B, 8, 8)."""
    quality = quality.to(torch.int32)
    percent = torch.where(quality < 50, 5000 // quality, 200 - 2 * quality)[:, None, None]
    steps = torch.tensor(table, dtype=torch.int32).to(quality.device, non_blocking=True) * percent
    return ((steps + 50) // 100).clamp_(1, 255).double()


def quantise(planes: Tensor, steps: Tensor) -> Tensor:
    """Quantise the DCT coefficients of planes (B, C, H, W), int32 centred at 0, in `steps` (B, 8, 8); result in -128..127."""
    height, width = planes.shape[2:]
    values = replicate_edges(planes, height + -height % 8, width + -width % 8).double()
    bands, blocks = (*values.shape[:2], -1, 8, values.shape[3]), (*values.shape[:2], -1, 8, values.shape[3] // 8, 8)
    cosines = torch.tensor(COSINES, dtype=torch.float64).to(values.device, non_blocking=True)
    steps = steps[:, None, None, :, None, :]
    values = round_half_up(values.reshape(blocks) @ (cosines.T / 2**11))
    values = round_half_up((cosines / 2**15) @ values.reshape(bands)).reshape(blocks)  # DCT coefficients of T.81, times eight
    values = round_half_up(values.abs().div_(8 * steps)).copysign_(values).mul_(steps)
    values = round_half_up((cosines.T / 2**11) @ values.reshape(bands)).reshape(blocks)
    values = round_half_up(values @ (cosines / 2**18)).clamp_(-128, 127)
    return values.flatten(4).flatten(2, 3)[..., :height, :width].to(torch.int32)


def round_half_up(values: Tensor) -> Tensor:
    """Round to the nearest integers, halves up, in place."""
    return values.add_(0.5).floor_()
