"""JPEG as tensor operations: bit for bit the pixels of OpenCV's encoder and decoder (libjpeg-turbo)."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch
from skimage.data import astronaut
from torch import Tensor

from laanet_core.errors import LaanetError
from laanet_core.synthesis.ops.jpeg import compress

QUALITIES = [10, 40, 75, 95, 100]
SIZES = [(384, 384), (160, 160), (61, 83), (34, 50), (18, 33)]
TINY_SIZES = [(1, 1), (2, 2), (1, 9), (9, 1), (3, 4), (6, 5), (8, 24), (17, 16)]


def photograph(height: int, width: int) -> Tensor:
    resized = cv2.resize(astronaut(), (width, height), interpolation=cv2.INTER_AREA)
    return torch.from_numpy(resized).permute(2, 0, 1).contiguous()


def noise(height: int, width: int, seed: int = 0) -> Tensor:
    return torch.randint(0, 256, (3, height, width), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def gradient(height: int, width: int) -> Tensor:
    rows, columns = torch.linspace(0, 255, height)[:, None].expand(-1, width), torch.linspace(0, 255, width).expand(height, -1)
    return torch.stack([rows, columns, 255 - (rows + columns) / 2]).to(torch.uint8)


def flat(height: int, width: int) -> Tensor:
    return torch.tensor([200, 30, 91], dtype=torch.uint8)[:, None, None].expand(-1, height, width)


def by_opencv(image: Tensor, quality: int) -> Tensor:
    bgr = np.ascontiguousarray(image.permute(1, 2, 0).numpy()[..., ::-1])
    coded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    assert decoded is not None
    return torch.from_numpy(decoded[..., ::-1].copy()).permute(2, 0, 1)


def assert_as_opencv(image: Tensor, qualities: list[int]) -> None:
    """Compare one image at several qualities. No difference was found in thousands of images, so none is allowed."""
    ours = compress(image.expand(len(qualities), -1, -1, -1), torch.tensor(qualities))
    for quality, found in zip(qualities, ours, strict=True):
        difference = (found.int() - by_opencv(image, quality).int()).abs()
        assert difference.max() == 0, f"quality {quality}: mean {difference.float().mean():.4f}, max {difference.max()}"


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("image", [photograph, noise, gradient, flat])
def test_pixels_are_those_of_opencv(image: Callable[[int, int], Tensor], size: tuple[int, int]) -> None:
    assert_as_opencv(image(*size), QUALITIES)


def test_a_crop_of_a_photograph_at_full_resolution_equals_opencvs() -> None:
    assert_as_opencv(torch.from_numpy(astronaut()[20:404, 90:474]).permute(2, 0, 1), QUALITIES)


@pytest.mark.parametrize("size", TINY_SIZES, ids=str)
def test_images_smaller_than_a_block_equal_opencvs(size: tuple[int, int]) -> None:
    for seed in range(5):
        assert_as_opencv(noise(*size, seed), QUALITIES)


def test_every_quality_from_1_to_100_equals_opencvs() -> None:
    assert_as_opencv(photograph(40, 56), list(range(1, 101)))


def test_black_and_white_noise_saturates_as_in_opencv() -> None:
    assert_as_opencv((noise(61, 83) > 127).to(torch.uint8) * 255, [1, *QUALITIES])


def test_an_image_is_the_same_in_a_batch_of_several_qualities_as_alone() -> None:
    images = torch.stack([photograph(61, 83), noise(61, 83), gradient(61, 83), flat(61, 83)])
    quality = torch.tensor([10, 95, 40, 75])
    together = compress(images, quality)
    for index in range(len(images)):
        assert torch.equal(together[index : index + 1], compress(images[index : index + 1], quality[index : index + 1]))


def test_a_lower_quality_loses_more() -> None:
    image = photograph(160, 160)
    losses = (compress(image.expand(5, -1, -1, -1), torch.tensor(QUALITIES)).float() - image).abs().mean(dim=(1, 2, 3))
    assert (losses.diff() < 0).all()
    assert losses[-1] > 0


@pytest.mark.parametrize("form", [torch.contiguous_format, torch.channels_last])
def test_memory_format_is_kept_and_changes_no_pixel(form: torch.memory_format) -> None:
    images, quality = torch.stack([photograph(61, 83), noise(61, 83)]), torch.tensor([40, 95])
    found = compress(images.contiguous(memory_format=form), quality)
    assert found.dtype == torch.uint8
    assert found.shape == images.shape
    assert found.is_contiguous(memory_format=form)
    assert torch.equal(found, compress(images, quality))


@pytest.mark.parametrize("size", [(32, 48), (61, 83)], ids=str)
def test_inputs_are_not_modified(size: tuple[int, int]) -> None:
    images, quality = noise(*size)[None], torch.tensor([40])
    before = images.clone()
    compress(images, quality)
    assert torch.equal(images, before)
    assert quality.tolist() == [40]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32, torch.int64])
def test_any_integer_type_of_quality_gives_the_same(dtype: torch.dtype) -> None:
    images, quality = noise(16, 24).expand(3, -1, -1, -1), torch.tensor([3, 49, 100])
    assert torch.equal(compress(images, quality.to(dtype)), compress(images, quality))


def test_autocast_changes_no_pixel() -> None:
    images, quality = photograph(61, 83)[None], torch.tensor([75])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = compress(images, quality)
    assert torch.equal(found, compress(images, quality))


@pytest.mark.parametrize("size", [(3, 3), (61, 83), (64, 64)], ids=str)
def test_no_operation_reads_values_back_from_the_device(size: tuple[int, int]) -> None:
    """Tensors of the meta device have no values: operations that read one, and would synchronise with a GPU, raise."""
    found = compress(torch.empty(2, 3, *size, dtype=torch.uint8, device="meta"), torch.empty(2, dtype=torch.int64, device="meta"))
    assert found.shape == (2, 3, *size)
    assert found.device.type == "meta"


@pytest.mark.parametrize(
    "images",
    [torch.zeros(2, 3, 8, 8), torch.zeros(3, 8, 8, dtype=torch.uint8), torch.zeros(2, 8, 8, 3, dtype=torch.uint8), noise(0, 8)[None]],
    ids=["float", "one image", "channels at the end", "no rows"],
)
def test_wrong_images_are_one_clear_sentence(images: Tensor) -> None:
    with pytest.raises(LaanetError, match=r"^images: torch\..*; give uint8 RGB of shape \(B, 3, H, W\).*\.$"):
        compress(images, torch.tensor([75, 75]))


@pytest.mark.parametrize(
    "quality",
    [torch.tensor([75.0, 75.0]), torch.tensor([True, True]), torch.tensor([75]), torch.tensor(75), torch.tensor([[75, 75]])],
    ids=["float", "bool", "too few", "no batch", "two dimensions"],
)
def test_a_wrong_quality_is_one_clear_sentence(quality: Tensor) -> None:
    with pytest.raises(LaanetError, match=r"^quality: torch\..*; give integers of shape \(2,\), from 1 to 100\.$"):
        compress(noise(8, 8).expand(2, -1, -1, -1), quality)
