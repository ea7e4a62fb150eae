"""The six corruptions of Table 2 at five severities: RGB crop in, RGB crop out.

Kinds and amounts are those of the DeeperForensics-1.0 perturbations (Jiang et al., CVPR 2020), as LipForensics (Haliassos et al., CVPR
2021) and after it the paper use them; its 'JPEG' is pixelation in truth (issue 6 of its repository). Two things differ: the protocol
corrupts whole frames, before faces are found and cropped, this project the finished crops, so that boxes are those of the clean frames and
every pixel named here is a crop's; and frames are not compressed again afterwards. A blur of 21 px or 80 blocks are thus more on a small
crop than on a large one, and results compare with the paper's as far as that allows. Where the description leaves something open (the
range of YCbCr, the filters of the pixelation), the choice is this project's and stands with the function.
"""

from __future__ import annotations

from typing import Any, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from laanet_core.params import Corruption
from laanet_core.types import Image

AMOUNTS: dict[Corruption, tuple[float, ...]] = {
    "saturation": (0.4, 0.3, 0.2, 0.1, 0.0),
    "contrast": (0.85, 0.725, 0.6, 0.475, 0.35),
    "block": (16, 32, 48, 64, 80),
    "noise": (0.001, 0.002, 0.005, 0.01, 0.05),
    "blur": (7, 9, 13, 17, 21),
    "pixelation": (2, 3, 4, 5, 6),
}
"""Of each kind the argument of its function below, by severity."""
BLOCK_SIDE, BLOCK_GREY = 8, 128
LUMA = np.array([0.299, 0.587, 0.114])
"""BT.601."""
YCBCR_TO_RGB = np.array([[1.0, 1.0, 1.0], [0.0, -0.344136, 1.772], [1.402, -0.714136, 0.0]])
"""Rows: what one unit of Y, Cb and Cr adds to R, G and B; BT.601, full range (JPEG)."""


def corrupt(image: Image, kind: Corruption, severity: int, generator: np.random.Generator) -> Image:
    """A corrupted copy of an RGB image (H, W, 3); raises ValueError for a kind or a severity (1 to 5) that there is not."""
    if kind not in AMOUNTS or not 1 <= severity <= len(AMOUNTS[kind]):
        raise ValueError(f"{kind!r} at severity {severity}: kinds are {', '.join(get_args(Corruption))}, severities 1 to 5")
    amount = AMOUNTS[kind][severity - 1]
    match kind:
        case "saturation":
            return scale_saturation(image, amount)
        case "contrast":
            return scale_contrast(image, amount)
        case "block":
            return cover_blocks(image, int(amount), generator)
        case "noise":
            return add_noise(image, amount, generator)
        case "blur":
            return blur(image, int(amount))
        case "pixelation":
            return pixelate(image, int(amount))


def scale_saturation(image: Image, factor: float) -> Image:
    """Cb and Cr about their middle times `factor`, Y as it is; as YCbCr is linear in RGB, that is each pixel drawn towards its luma."""
    luma = (image @ LUMA)[..., None]
    return _rounded(luma + factor * (image - luma))


def scale_contrast(image: Image, factor: float) -> Image:
    """All values times `factor`."""
    return _rounded(image * factor)


def cover_blocks(image: Image, count: int, generator: np.random.Generator) -> Image:
    """`count` grey blocks of 8 px a side, each anywhere within the image, overlaps allowed.

    The number does not follow the size of the image: 80 blocks are a fifth of 160 x 160 px, and 3.5 % of 384 x 384 px.
    """
    covered = image.copy()
    height, width = image.shape[:2]
    corners = generator.integers(0, (height - BLOCK_SIDE + 1, width - BLOCK_SIDE + 1), size=(count, 2))
    for top, left in corners:
        covered[top : top + BLOCK_SIDE, left : left + BLOCK_SIDE] = BLOCK_GREY
    return covered


def add_noise(image: Image, variance: float, generator: np.random.Generator) -> Image:
    """White Gaussian noise of this variance in each of Y, Cb and Cr, whose full range (JPEG) is 1."""
    noise = generator.normal(0.0, 255 * np.sqrt(variance), image.shape)
    return _rounded(image + noise @ YCBCR_TO_RGB)


def blur(image: Image, kernel: int) -> Image:
    """Gaussian of `kernel` (odd) pixels a side and a deviation of a sixth of that; borders mirrored."""
    return np.asarray(cv2.GaussianBlur(image, (kernel, kernel), kernel / 6), np.uint8)


def pixelate(image: Image, factor: int) -> Image:
    """Sides divided by `factor`, rounded down, by the mean of the pixels, and brought back by the nearest pixel."""
    height, width = image.shape[:2]
    small = cv2.resize(image, (width // factor, height // factor), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)


def _rounded(values: NDArray[np.floating[Any]]) -> Image:
    """The nearest 8-bit values."""
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)
