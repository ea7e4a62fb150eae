"""Image operations: OpenCV and tensors agree with each other, with other libraries and with plain formulas."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage
from skimage.color import rgb2lab
from skimage.data import astronaut
from torch import Tensor

from laanet_core.synthesis.ops import opencv, tensors
from laanet_core.synthesis.ops.colour import colour_matrices
from laanet_core.synthesis.ops.image_ops import ImageOps, ops_for_device
from laanet_core.synthesis.ops.types import Softening

OPS: dict[str, ImageOps] = {"opencv": opencv, "tensors": tensors}  # mypy checks that both modules are ImageOps
SIZES = [(97, 131), (160, 160), (384, 384), (64, 49)]
CPU, CHANNELS_LAST = torch.device("cpu"), torch.channels_last
both = pytest.mark.parametrize("ops", OPS.values(), ids=OPS.keys())


def photographs(height: int, width: int, draws: Generator, count: int = 3) -> Tensor:
    corners = zip(draws.integers(0, 513 - height, count), draws.integers(0, 513 - width, count), strict=True)
    return as_batch(np.stack([astronaut()[top : top + height, left : left + width] for top, left in corners]))


def static(height: int, width: int, draws: Generator, count: int = 3) -> Tensor:
    return as_batch(draws.integers(0, 256, (count, height, width, 3), np.uint8))


def as_batch(pictures: NDArray[Any]) -> Tensor:
    """Pictures (B, H, W, C) as channels-last images (B, C, H, W)."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2)


def as_pictures(images: Tensor) -> NDArray[Any]:
    return np.asarray(images.permute(0, 2, 3, 1).numpy())


def smooth_masks(images: Tensor, draws: Generator) -> Tensor:
    """Float masks (B, 1, H, W) from 0, in about a quarter of the area, to 1."""
    fields = [cv2.resize(draws.random((6, 6)), images.shape[:1:-1], interpolation=cv2.INTER_CUBIC) for _ in images]
    masks = [(field - np.quantile(field, 0.25)) / (field.max() - np.quantile(field, 0.25)) for field in fields]
    return torch.from_numpy(np.stack(masks).clip(0, 1).astype(np.float32))[:, None]


def motions(images: Tensor, draws: Generator) -> NDArray[np.float64]:
    """Rotations, scalings and shifts about the centre, (B, 2, 3)."""
    sides, count = np.array(images.shape[:1:-1]), len(images)
    angle, scale = draws.uniform(-0.5, 0.5, count), draws.uniform(0.7, 1.4, count)
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.stack([cosine, -sine, sine, cosine], axis=1).reshape(-1, 2, 2)
    offset = (sides - 1) / 2 - linear @ ((sides - 1) / 2) + draws.uniform(-0.2, 0.2, (count, 2)) * sides
    return np.concatenate([linear, offset[..., None]], axis=2)


def mixtures(images: Tensor, draws: Generator) -> NDArray[np.float64]:
    matrices = draws.normal(0, 0.2, (len(images), 3, 4)) * [1, 1, 1, 100]
    return np.asarray(matrices + np.eye(3, 4))


def softenings(images: Tensor, draws: Generator) -> tuple[Tensor, Tensor, Softening]:
    count, _, height, width = images.shape
    shifts = ndimage.gaussian_filter(draws.uniform(-1, 1, (count, 2, 96, 96)), (0, 0, 2, 2)) * 10
    sides = np.rint(np.array([height, width]) * draws.uniform(0.8, 1.25, (count, 1))).astype(np.int64)
    edges, feathers = 2 * draws.integers(1, 5, (2, count)) + 1
    softening = Softening(sides, np.arange(count) % 3 - 1, edges, feathers, draws.uniform(1, 12, count))
    return (smooth_masks(images, draws) > 0.5).byte(), torch.from_numpy(shifts).float(), softening


ARGUMENTS: dict[str, Callable[[Tensor, Generator], tuple[Any, ...]]] = {
    "warp": lambda images, draws: (images, motions(images, draws)),
    "warp_masks": lambda images, draws: (smooth_masks(images, draws), motions(images, draws)),
    "recolour": lambda images, draws: (images, mixtures(images, draws)),
    "pixelate": lambda images, draws: (images, draws.uniform(0.5, 6, len(images))),
    "sharpen": lambda images, draws: (images, draws.uniform(0, 1, len(images))),
    "blur": lambda images, draws: (images, draws.uniform(0.4, 3, len(images))),
    "look_up": lambda images, draws: (images, draws.integers(-300, 301, (len(images), 256), np.int16)),
    "add": lambda images, draws: (images, torch.from_numpy(draws.integers(-300, 301, images.shape, np.int16))),
    "compress": lambda images, draws: (images, draws.integers(1, 101, len(images))),
    "blend": lambda images, draws: (images, images.flip(0), smooth_masks(images, draws)),
    "to_lab": lambda images, draws: (images,),
    "from_lab": lambda images, draws: (tensors.to_lab(images) * float(draws.uniform(0.8, 1.2)) + float(draws.uniform(-9, 9)),),
    "soften": softenings,
}
GIVES_MASKS = ["warp_masks", "soften"]
GIVES_IMAGES = ["warp", "recolour", "pixelate", "sharpen", "blur", "add", "compress", "blend", "from_lab"]
# Largest difference and largest mean difference of an image, for photographs and for noise. OpenCV rounds sample positions to 1/32 of a
# pixel and computes blurs and colour matrices in fixed point. A contour pixel of a softened mask can be inside with one and outside with
# the other implementation.
BOUNDS: dict[str, tuple[tuple[float, float], tuple[float, float]]] = {
    "warp": ((5, 0.3), (9, 0.95)),
    "warp_masks": ((0.01, 0.001),) * 2,
    "recolour": ((1, 0.2),) * 2,
    "sharpen": ((1, 0.001),) * 2,
    "blur": ((1, 0.15), (2, 0.55)),
    "blend": ((1, 0.004),) * 2,
    "to_lab": ((0.05, 0.002),) * 2,
    "from_lab": ((1, 0.004),) * 2,
    "soften": ((0.5, 0.003),) * 2,
}


@pytest.mark.parametrize("form", [torch.contiguous_format, CHANNELS_LAST], ids=["contiguous", "channels-last"])
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", ARGUMENTS)
def test_opencv_and_tensors_agree(name: str, size: tuple[int, int], form: torch.memory_format) -> None:
    for make, (limit, mean) in zip((photographs, static), BOUNDS.get(name, ((0, 0),) * 2), strict=True):
        draws = np.random.default_rng(SIZES.index(size))
        arguments = ARGUMENTS[name](make(*size, draws).contiguous(memory_format=form), draws)
        first, second = (getattr(ops, name)(*arguments) for ops in OPS.values())
        assert first.dtype == second.dtype
        difference = (first.float() - second.float()).abs()
        assert difference.max() <= limit
        assert difference.mean(dim=(1, 2, 3)).max() <= mean


@both
@pytest.mark.parametrize("form", [torch.contiguous_format, CHANNELS_LAST], ids=["contiguous", "channels-last"])
@pytest.mark.parametrize("name", ARGUMENTS)
def test_results_have_the_documented_form_and_inputs_are_not_modified(name: str, form: torch.memory_format, ops: ImageOps) -> None:
    draws = np.random.default_rng(0)
    arguments = ARGUMENTS[name](photographs(60, 45, draws).contiguous(memory_format=form), draws)
    before = copy.deepcopy(arguments)
    found = getattr(ops, name)(*arguments)
    torch.testing.assert_close(arguments, before, rtol=0, atol=0)
    assert found.dtype == {"look_up": torch.int16}.get(name, torch.uint8 if name in GIVES_IMAGES else torch.float32)
    assert found.shape == (3, 1 if name in GIVES_MASKS else 3, 60, 45)
    assert found.is_contiguous(memory_format=CHANNELS_LAST) or name not in GIVES_IMAGES
    assert 0 <= found.min() <= found.max() <= 1 or name not in GIVES_MASKS


@both
@pytest.mark.parametrize("name", ARGUMENTS)
def test_an_item_is_the_same_alone_as_in_a_batch(name: str, ops: ImageOps) -> None:
    draws = np.random.default_rng(1)
    images, *others = ARGUMENTS[name](photographs(60, 45, draws), draws)
    alone = [Softening(*[part[1:2] for part in each]) if isinstance(each, tuple) else each[1:2] for each in others]
    found = getattr(ops, name)(images[1:2], *alone)
    assert torch.allclose(found, getattr(ops, name)(images, *others)[1:2], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_tensors_never_synchronise_with_the_device(name: str) -> None:
    """Tensors of the meta device have no values: operations that read one, and would synchronise with a GPU, raise."""
    draws = np.random.default_rng(0)
    arguments = ARGUMENTS[name](photographs(60, 45, draws), draws)
    found = getattr(tensors, name)(*(each.to("meta") if isinstance(each, Tensor) else each for each in arguments))
    assert found.device.type == "meta"
    assert found.shape == (3, 1 if name in GIVES_MASKS else 3, 60, 45)


def test_ops_are_chosen_by_the_device() -> None:
    assert ops_for_device(CPU) is opencv
    assert ops_for_device(torch.device("cuda", 1)) is tensors


@both
def test_warp_by_whole_pixels_shifts_and_mirrors_at_the_border(ops: ImageOps) -> None:
    images = static(40, 50, np.random.default_rng(0))
    masks, by = (images[:, :1] / 255).contiguous(), np.tile([[1.0, 0, 5], [0, 1, -3]], (3, 1, 1))
    for found, given in ((ops.warp(images, by), images), (ops.warp_masks(masks, by), masks)):
        wider = np.pad(given.numpy(), ((0, 0), (0, 0), (9, 9), (9, 9)), "reflect")
        assert np.abs(found.numpy() - wider[..., 12:52, 4:54]).max() <= (0 if given is images else 1e-4)


@both
def test_warp_moves_pixels_as_given_by_the_matrix(ops: ImageOps) -> None:
    draws = np.random.default_rng(0)
    images = photographs(97, 131, draws)
    matrices = motions(images, draws)
    for image, found, matrix in zip(images.numpy(), ops.warp(images, matrices).numpy(), matrices, strict=True):
        x, y = np.linalg.solve(matrix[:, :2], np.mgrid[:97, :131][::-1].reshape(2, -1) - matrix[:, 2:]).reshape(2, 97, 131)
        expected = np.stack([ndimage.map_coordinates(channel.astype(float), (y, x), order=1, mode="mirror") for channel in image])
        assert np.abs(found - expected).max() <= (0.51 if ops is tensors else 5)
        assert np.abs(found - expected).mean() < 0.4, "0.25 come from rounding"


@both
def test_recolour_sharpen_and_blur_equal_plain_formulas(ops: ImageOps) -> None:
    draws = np.random.default_rng(0)
    images = photographs(97, 131, draws)
    values, matrices, amounts, sigmas = images.numpy().astype(float), mixtures(images, draws), np.array([0.0, 0.3, 1.0]), [0.5, 1.3, 2.8]
    mixed = np.einsum("bij,bjhw->bihw", matrices[..., :3], values) + matrices[..., 3, None, None]
    mean = np.rint(ndimage.uniform_filter(values, (0, 0, 3, 3), mode="mirror"))
    sharp = values + amounts[:, None, None, None] * (values - mean)
    assert np.abs(ops.recolour(images, matrices).numpy() - mixed.clip(0, 255)).max() <= (0.51 if ops is tensors else 1)
    assert np.abs(ops.sharpen(images, amounts).numpy() - sharp.clip(0, 255)).max() <= 0.51
    for found, image, sigma in zip(ops.blur(images, np.array(sigmas)).numpy(), values, sigmas, strict=True):
        soft = ndimage.gaussian_filter(image, sigma, axes=(1, 2), radius=round(6 * sigma + 1) // 2, mode="mirror")
        assert np.abs(found - soft).max() <= (0.51 if ops is tensors else 1.5)


@both
def test_sharpen_leaves_flat_colours_and_raises_contrast_at_edges(ops: ImageOps) -> None:
    flat = torch.full((1, 3, 16, 16), 77, dtype=torch.uint8)
    edge = flat.clone()
    edge[..., 8:] = 177
    assert torch.equal(ops.sharpen(flat, np.array([0.5])), flat)
    dark, bright = ops.sharpen(edge, np.array([0.5]))[0, 0, 8, 7:9]
    assert dark < 77
    assert bright > 177


@both
def test_colour_matrices_apply_each_change_separately(ops: ImageOps) -> None:
    colours = torch.tensor([[200, 100, 50], [90, 90, 90]], dtype=torch.uint8).T[None, :, None]
    changes = {
        "none": (0, 0, 0, 0),
        "contrast": (0.1, 0, 0, 0),
        "brightness": (0, 0.1, 0, 0),
        "grey": (0, 0, -1, 0),
        "hue": (0, 0, 0.3, 0.2),
    }
    matrices = colour_matrices(*np.array([*changes.values()], float).T)
    found = dict(zip(changes, ops.recolour(colours.expand(5, -1, -1, -1), matrices).int()[:, :, 0], strict=True))
    original = colours[0, :, 0].int()
    assert torch.equal(found["none"], original)
    assert torch.equal(found["contrast"], torch.round(original * 1.1).int())
    assert torch.equal(found["brightness"], torch.round(original + 25.5).int())
    assert (found["grey"][:, 0] - (0.299 * 200 + 0.587 * 100 + 0.114 * 50)).abs().max() <= 1
    assert (found["hue"][:, 1] - 90).abs().max() <= 1, "grey stays grey"


@both
def test_look_up_and_add_are_plain_indexing_and_a_clipped_sum(ops: ImageOps) -> None:
    draws = np.random.default_rng(0)
    images, changes = static(20, 30, draws), torch.from_numpy(draws.integers(-32000, 32000, (3, 3, 20, 30), np.int16))
    levels = draws.integers(-32768, 32768, (3, 256), np.int16)
    looked_up = ops.look_up(images, levels).numpy()
    assert all(np.array_equal(found, table[image]) for found, image, table in zip(looked_up, images.numpy(), levels, strict=True))
    assert torch.equal(ops.add(images, changes), (images.int() + changes).clamp(0, 255))


@both
def test_blend_follows_equation_1_and_keeps_the_backgrounds_bytes_where_the_mask_is_0(ops: ImageOps) -> None:
    draws = np.random.default_rng(0)
    foregrounds, backgrounds = static(40, 50, draws), static(40, 50, draws)
    masks = smooth_masks(foregrounds, draws)
    masks[1] = 0
    found, weights = ops.blend(foregrounds, backgrounds, masks), masks.double()
    assert (found - (weights * foregrounds + (1 - weights) * backgrounds)).abs().max() <= 0.51
    outside = (masks == 0).expand_as(found)
    assert outside.float().mean() > 0.3
    assert torch.equal(found[outside], backgrounds[outside])
    assert torch.equal(ops.blend(foregrounds, backgrounds, torch.ones_like(masks)), foregrounds)


@both
def test_lab_equals_skimages_and_converts_back_to_the_same_bytes(ops: ImageOps) -> None:
    images = torch.cat([photographs(97, 131, np.random.default_rng(0)), static(97, 131, np.random.default_rng(0))])
    lab = rgb2lab(as_pictures(images) / 255)
    assert np.abs(as_pictures(ops.to_lab(images)) - lab).max() < 0.05
    assert (ops.from_lab(ops.to_lab(images)).int() - images.int()).abs().max() <= (0 if ops is tensors else 1)
    assert (ops.from_lab(as_batch(lab.astype(np.float32))).int() - images.int()).abs().max() <= 1


def test_colours_outside_srgb_are_clipped_equally() -> None:
    out_of_gamut = np.random.default_rng(0).uniform([-40, -200, -200], [160, 200, 200], (2, 50, 60, 3)).astype(np.float32)
    first, second = (ops.from_lab(as_batch(out_of_gamut)).int() for ops in OPS.values())
    assert (first - second).abs().max() <= 1


@both
@pytest.mark.parametrize(("edge", "kernel"), [(-1, 1), (-1, 7), (1, 5), (1, 21), (0, 9), (0, 15)])
def test_softening_without_shifts_equals_scipys_edge_and_feathering(edge: int, kernel: int, ops: ImageOps) -> None:
    silhouettes, _, _ = softenings(torch.zeros(3, 1, 97, 131), np.random.default_rng(0))
    same = np.tile([97, 131], (3, 1)), np.full(3, edge), np.full(3, kernel), np.array([3, 9, 25]), np.array([1.0, 4.0, 30.0])
    masks = ops.soften(silhouettes, torch.zeros(3, 2, 96, 96), Softening(*same))[:, 0].numpy()
    for mask, silhouette, feather, sigma in zip(masks, silhouettes[:, 0].numpy(), *same[3:], strict=True):
        if edge:
            kept = (ndimage.grey_erosion if edge < 0 else ndimage.grey_dilation)(silhouette, (kernel, kernel), mode="mirror")
        else:  # the standard deviation that OpenCV derives from a kernel size
            kept = ndimage.gaussian_filter(silhouette * 1.0, 0.15 * kernel + 0.35, radius=kernel // 2, mode="mirror") > 0.5
        soft = ndimage.gaussian_filter(kept * 1.0, sigma, radius=feather // 2, mode="mirror")
        assert np.abs(mask - soft / soft.max()).max() < 1e-5


@both
def test_softening_moves_a_mask_against_its_shifts_and_keeps_its_position_at_any_resolution(ops: ImageOps) -> None:
    silhouettes = torch.zeros(3, 1, 80, 100, dtype=torch.uint8)
    silhouettes[:2, :, 20:50, 30:70] = 1
    sides, ones = np.array([[80, 100], [96, 120], [64, 80]]), np.ones(3, np.int64)
    shifts = torch.tensor([[6.0, -4.0], [0, 0], [3, 3]])[..., None, None].expand(-1, -1, 96, 96)
    masks = ops.soften(silhouettes, shifts, Softening(sides, ones, ones, ones, np.full(3, 5.0)))[:, 0]
    assert torch.equal(masks[0].nonzero().aminmax(dim=0).min, torch.tensor([24, 24]))
    assert torch.equal(masks[0], silhouettes[0, 0].roll((4, -6), dims=(0, 1)).float())
    assert ((masks[1] > 0.5) ^ (silhouettes[1, 0] > 0)).sum() <= 4
    assert not masks[2].any(), "an empty silhouette gives an empty mask"
