"""The paper's augmentations (sec. 4.1), applied alike to a real image and its fake."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from laanet_core.errors import LaanetError
from laanet_core.params import AugmentParams
from laanet_core.synthesis.colour import Rgb, colour_matrix, recolour

# The paper names the augmentations and gives no ranges: these are this project's.
CROP_SIDE = (0.8, 1.0)
SCALE = (0.9, 1.1)
ERASE_SIDE = (0.1, 0.3)
JITTER_CONTRAST, JITTER_BRIGHTNESS, JITTER_SATURATION, JITTER_HUE = 0.2, 0.1, 0.2, 0.1
NOISE_DEVIATION = (1.0, 12.0)
BLUR_SIGMA = (0.4, 1.6)
JPEG_QUALITY = (40, 95)

_Value = TypeVar("_Value", np.uint8, np.float32)
_NORMAL_QUANTILES = torch.special.ndtri((torch.arange(256, dtype=torch.float64) + 0.5) / 256).numpy()


class AugmentedPair(NamedTuple):
    """real, fake: uint8 (3, H, W); mask: float32 (1, H, W); landmarks: float32 (68, 2), crop pixels (x, y)."""

    real: Tensor
    fake: Tensor
    mask: Tensor
    landmarks: Tensor


def augment_pair(
    real: Tensor, fake: Tensor, mask: Tensor, landmarks: Tensor, params: AugmentParams, generator: torch.Generator
) -> AugmentedPair:
    """Draw one geometry for images, mask and landmarks and one photometric change for both images, each step with its probability.

    real, fake: uint8 (3, H, W) RGB; mask: (1, H, W) in [0, 1]; landmarks: (68, 2) crop pixels (x, y). A flip mirrors the landmarks'
    coordinates and keeps their order: they serve for hulls alone. An erased rectangle hides both images and leaves the mask as it is.
    Raises LaanetError for other shapes or types.
    """
    _check(real, fake, mask, landmarks)
    seed = int(torch.randint(2**63 - 1, (1,), generator=generator, device=generator.device))
    draws = np.random.default_rng(seed)
    pair = [np.asarray(cv2.merge(list(image.cpu().numpy())), np.uint8) for image in (real, fake)]
    height, width = pair[0].shape[:2]
    matrix = draw_geometry(params, height, width, draws)
    moved_mask = mask[0].cpu().numpy().astype(np.float32)
    if not np.array_equal(matrix, np.eye(2, 3)):
        moved_mask = _warp(moved_mask, matrix)
        pair = [_warp(image, matrix) for image in pair]
    pair = _change_pair(pair, params, draws)
    new_real, new_fake = (torch.from_numpy(np.stack(cv2.split(image))).to(real.device) for image in pair)
    new_landmarks = move_points(landmarks, torch.from_numpy(matrix).to(landmarks.device))
    return AugmentedPair(new_real, new_fake, torch.from_numpy(moved_mask)[None].to(mask.device), new_landmarks)


def _check(real: Tensor, fake: Tensor, mask: Tensor, landmarks: Tensor) -> None:
    if real.dtype != torch.uint8 or fake.dtype != torch.uint8 or real.ndim != 3 or len(real) != 3 or real.shape != fake.shape:
        raise LaanetError(f"real, fake: {real.dtype} {tuple(real.shape)}, {fake.dtype} {tuple(fake.shape)}; give both as uint8 (3, H, W).")
    if mask.shape != (1, *real.shape[1:]) or landmarks.shape != (68, 2):
        found = f"{tuple(mask.shape)}, {tuple(landmarks.shape)}"
        raise LaanetError(f"mask, landmarks: {found}; give (1, {real.shape[1]}, {real.shape[2]}), (68, 2).")


def draw_geometry(params: AugmentParams, height: int, width: int, draws: np.random.Generator) -> NDArray[np.float64]:
    """Affine matrix (2, 3) from old to new pixels (x, y): mirror, cut-out window shown at full size, and zoom about the centre."""
    matrix = np.eye(3)
    if draws.random() < params.flip:
        matrix = np.array([[-1, 0, width - 1], [0, 1, 0], [0, 0, 1]]) @ matrix
    if draws.random() < params.crop:
        side = draws.uniform(*CROP_SIDE)
        corner = draws.uniform(0, 1, 2) * (1 - side) * (width - 1, height - 1)
        matrix = _zoom(1 / side, -corner / side) @ matrix
    if draws.random() < params.scale:
        scale = draws.uniform(*SCALE)
        matrix = _zoom(scale, (1 - scale) * np.array([width - 1, height - 1]) / 2) @ matrix
    return np.asarray(matrix[:2], np.float64)


def _zoom(scale: float, offset: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([[scale, 0, offset[0]], [0, scale, offset[1]], [0, 0, 1]])


def move_points(points: Tensor, matrix: Tensor) -> Tensor:
    """Points (n, 2) as (x, y) under an affine matrix (2, 3): float32 (n, 2)."""
    return (points.double() @ matrix[:, :2].T + matrix[:, 2]).float()


def _warp(image: NDArray[_Value], matrix: NDArray[np.float64]) -> NDArray[_Value]:
    """Image or mask moved by a matrix (2, 3); what comes in from outside is the mirrored image, so that nothing is black."""
    warped = cv2.warpAffine(image, matrix, image.shape[1::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(warped, image.dtype)


def _change_pair(pair: list[Rgb], params: AugmentParams, draws: np.random.Generator) -> list[Rgb]:
    """The photometric steps, in the order in which a camera and a codec apply them; erasing last."""
    if draws.random() < params.colour:
        contrast, brightness, saturation = draws.uniform(-1, 1, 3) * (JITTER_CONTRAST, JITTER_BRIGHTNESS, JITTER_SATURATION)
        matrix = colour_matrix(contrast, brightness, saturation, draws.uniform(-JITTER_HUE, JITTER_HUE))
        pair = [recolour(image, matrix) for image in pair]
    if draws.random() < params.blur:
        sigma = draws.uniform(*BLUR_SIGMA)
        pair = [np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8) for image in pair]
    if draws.random() < params.noise:
        noise = gaussian_noise(pair[0].shape, draws.uniform(*NOISE_DEVIATION), draws)
        pair = [np.asarray(cv2.add(image, noise, dtype=cv2.CV_8U), np.uint8) for image in pair]
    if draws.random() < params.jpeg:
        quality = int(draws.integers(JPEG_QUALITY[0], JPEG_QUALITY[1] + 1))
        pair = [_compress(image, quality) for image in pair]
    if draws.random() < params.erase:
        pair = _erase(pair, draws)
    return pair


def gaussian_noise(shape: tuple[int, ...], deviation: float, draws: np.random.Generator) -> NDArray[np.int16]:
    """Noise in grey levels, int16 of a shape (H, W, 3): random bytes looked up in 256 quantiles of the normal distribution.

    Thirty times faster than drawing normal numbers, with a largest deviation of 2.9 sigma.
    """
    levels = np.rint(deviation * _NORMAL_QUANTILES).astype(np.int16)
    uniform = np.frombuffer(draws.bytes(int(np.prod(shape))), np.uint8).reshape(shape)
    return np.asarray(cv2.LUT(uniform, levels), np.int16)


def _compress(image: Rgb, quality: int) -> Rgb:
    """The image (H, W, 3) after JPEG compression at a quality of 0..100."""
    encoded = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.cvtColor(cv2.imdecode(encoded, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), np.uint8)


def _erase(pair: list[Rgb], draws: np.random.Generator) -> list[Rgb]:
    """One rectangle of random place, size and colour over both images (random erasing, Zhong et al. 2017)."""
    height, width = pair[0].shape[:2]
    high, wide = (max(1, round(draws.uniform(*ERASE_SIDE) * side)) for side in (height, width))
    top, left = int(draws.integers(height - high + 1)), int(draws.integers(width - wide + 1))
    colour = draws.integers(0, 256, 3, np.uint8)
    erased = [image.copy() for image in pair]
    for image in erased:
        image[top : top + high, left : left + wide] = colour
    return erased
