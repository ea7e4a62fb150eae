"""Resampling: filtering and resizing as matrices against OpenCV, blocks of pixelated images, and indexing of batches."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from laanet_core.synthesis.ops import opencv, tensors
from laanet_core.synthesis.ops.batches import put, take
from laanet_core.synthesis.ops.image_ops import ImageOps
from laanet_core.synthesis.ops.resampling import filter_matrices, gaussian_taps, resize_matrices

CPU = torch.device("cpu")
SIDES = np.array([[6, 9], [31, 40], [40, 17], [40, 40]])
CANVAS = 40
both = pytest.mark.parametrize("ops", [opencv, tensors], ids=["opencv", "tensors"])


@pytest.mark.parametrize("kernels", [[3, 3, 3, 3], [11, 25, 31, 79], [1, 61, 5, 23]])
def test_filter_matrices_equal_opencvs_blur_of_each_side_on_its_canvas(kernels: list[int]) -> None:
    images = np.random.default_rng(0).random((4, CANVAS, CANVAS), np.float32)
    sigmas = [0, 5.0, 9.0, 30.0]
    taps = [gaussian_taps(kernel, sigma) for kernel, sigma in zip(kernels, sigmas, strict=True)]
    down, across = (filter_matrices(taps, sides, CANVAS, CPU) for sides in SIDES.T)
    found = (down @ torch.from_numpy(images) @ across.mT).numpy()
    for image, smooth, (height, width), kernel, sigma in zip(images, found, SIDES, kernels, sigmas, strict=True):
        part = np.ascontiguousarray(image[:height, :width])
        expected = cv2.GaussianBlur(part, (kernel, kernel), sigma, borderType=cv2.BORDER_REFLECT_101)
        assert np.abs(smooth[:height, :width] - expected).max() < 1e-5
        assert not smooth[height:].any()
        assert not smooth[:, width:].any()


def test_filter_matrices_keep_the_sum_of_their_taps_up_to_the_border() -> None:
    [matrix] = filter_matrices([gaussian_taps(79, 30)], np.array([CANVAS]), CANVAS, CPU)
    assert torch.allclose(matrix.sum(dim=1), torch.ones(CANVAS), atol=1e-6)


def test_resize_matrices_equal_opencvs_linear_resizing_of_each_side_on_its_canvas() -> None:
    images = np.random.default_rng(0).random((4, CANVAS, CANVAS), np.float32)
    after = np.array([[23, 40], [31, 7], [64, 50], [1, 80]])
    down, across = (resize_matrices(new, old, 80, CANVAS, CPU) for new, old in zip(after.T, SIDES.T, strict=True))
    found = (down @ torch.from_numpy(images) @ across.mT).numpy()
    for image, resized, old, new in zip(images, found, SIDES.tolist(), after.tolist(), strict=True):
        expected = cv2.resize(np.ascontiguousarray(image[: old[0], : old[1]]), new[::-1], interpolation=cv2.INTER_LINEAR)
        assert np.abs(resized[: new[0], : new[1]] - expected).max() < 1e-5
        assert not resized[new[0] :].any()
        assert not resized[:, new[1] :].any()


@both
def test_pixelate_shows_each_block_in_the_colour_of_its_central_pixel(ops: ImageOps) -> None:
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 3, 8, 12), np.uint8))
    for image, coarse, factor in zip(images, ops.pixelate(images, np.array([2.0, 4.0])), (2, 4), strict=True):
        rows, columns = (torch.arange(length) // factor * factor + factor // 2 for length in (8, 12))
        assert torch.equal(coarse, image[:, rows][:, :, columns])


@both
@pytest.mark.parametrize("length", [3, 9, 15, 160])
def test_pixelate_makes_blocks_of_any_factor_and_shifts_nothing_by_more_than_half_a_block(length: int, ops: ImageOps) -> None:
    factors = np.array([0.8, 1, 1.25, 5 / 3, 2, 4])
    places = torch.arange(length)
    images = places.to(torch.uint8)[:, None].expand(6, 3, length, 4)
    for coarse, factor in zip(ops.pixelate(images, factors)[:, 0, :, 0].long(), factors, strict=True):
        blocks = round(length / max(factor, 1))
        assert len(coarse.unique()) == blocks
        assert (coarse - places).abs().max() <= (length / blocks / 2 + 0.5 if factor > 1 else 0)


@pytest.mark.parametrize("items", [[0], [3, 1], [2, 2, 0], []], ids=str)
def test_take_and_put_are_plain_indexing(items: list[int]) -> None:
    draws, at = np.random.default_rng(0), np.array(items, np.int64)
    for form in (torch.channels_last, torch.contiguous_format):
        images = torch.from_numpy(draws.integers(0, 256, (4, 3, 7, 9), np.uint8)).contiguous(memory_format=form)
        before, expected = images.clone(), images.clone()
        part = take(images, at)
        assert torch.equal(part, images[items])
        assert form is torch.contiguous_format or part.permute(0, 2, 3, 1).is_contiguous()
        changed = 255 - part
        assert torch.equal(images, before), "take returns a copy"
        put(images, at, changed)
        expected[items] = changed
        assert torch.equal(images, expected)
