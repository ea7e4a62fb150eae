"""Blended images of two people: position and colours of the foreground, masks, and refused inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from laanet_core.errors import LaanetError
from laanet_core.params import SynthesisParams
from laanet_core.synthesis import Blend, cross_blend
from laanet_core.synthesis.bi import MAX_GAIN, fit_affine, make_cross_blends, transfer_colours
from laanet_core.synthesis.blending import blending_boundary
from laanet_core.synthesis.hulls import draw_polygons, hull_polygons
from laanet_core.synthesis.masks import FIELD_SIZE, affine_shifts
from laanet_core.synthesis.ops import opencv, tensors
from laanet_core.synthesis.rng import Rng
from laanet_core.types import Points
from tests.helpers.drawn_face import face_image, face_landmarks

CPU = torch.device("cpu")
STILL = {"elastic_alpha": 0, "feather_kernel": [1, 1], "feather_sigma": [1, 1], "hulls": ["face"]}
both_ops = pytest.mark.parametrize("ops", [opencv, tensors], ids=["opencv", "tensors"])


def params_of(bi: dict[str, Any] | None = None, **changes: Any) -> SynthesisParams:
    return SynthesisParams.model_validate({"method": "bi", "bi": bi or {}, **changes})


def faces(count: int, size: int = 96, seed: int = 0) -> tuple[Tensor, Points]:
    """Images and landmarks of slightly different faces."""
    generator = torch.Generator().manual_seed(seed)
    landmarks = face_landmarks(size) + torch.randn(count, 68, 2, generator=generator) * (size / 100)
    return torch.stack([face_image(size, 1000 * seed + item) for item in range(count)]), landmarks.numpy()


def blend_faces(count: int, size: int = 96, params: SynthesisParams | None = None, ops: Any = None) -> Blend:
    """Blend `count` faces with foregrounds of other faces."""
    return make_cross_blends(*faces(count, size), *faces(count, size, 1), Rng(np.arange(count)), params or params_of(), ops)


def fully_blended(masks: Tensor) -> Tensor:
    """Where only the foreground is visible."""
    return masks[:, 0] > 0.999


def within_chance(found: int, count: int, probability: float) -> bool:
    """Whether a count is within four standard deviations of its expectation."""
    return bool(abs(found - count * probability) < 4 * np.sqrt(count * probability * (1 - probability)))


def test_blend_has_the_documented_shapes_and_types() -> None:
    images, landmarks = faces(3)
    others, other_landmarks = faces(3, seed=1)
    marks = torch.from_numpy(landmarks), torch.from_numpy(other_landmarks)
    blend = cross_blend(images, marks[0], others, marks[1], torch.Generator().manual_seed(1))
    assert blend.fake.shape == blend.real.shape == (3, 3, 96, 96)
    assert blend.fake.dtype == blend.real.dtype == torch.uint8
    assert blend.mask.shape == blend.boundary.shape == (3, 1, 96, 96)
    assert blend.mask.dtype == blend.boundary.dtype == blend.ratio.dtype == torch.float32
    assert torch.equal(blend.boundary, blending_boundary(blend.mask))
    assert blend.ok.tolist() == [True] * 3
    again, other = (cross_blend(images, marks[0], others, marks[1], torch.Generator().manual_seed(seed)) for seed in (1, 2))
    assert all(torch.equal(*parts) for parts in zip(blend, again, strict=True))
    assert not torch.equal(blend.mask, other.mask)


@both_ops
def test_the_fake_is_the_image_itself_outside_a_mask_from_0_to_1(ops: Any) -> None:
    blend = blend_faces(40, ops=ops)
    assert torch.equal(blend.real, faces(40)[0])
    outside = (blend.mask == 0).expand_as(blend.fake)
    assert torch.equal(blend.fake[outside], blend.real[outside])
    changed = (blend.fake != blend.real).any(dim=1) & fully_blended(blend.mask)
    assert (changed.sum(dim=(1, 2)) > 0.8 * fully_blended(blend.mask).sum(dim=(1, 2))).all(), "another face is visible where the mask is 1"
    assert (blend.mask.amin(dim=(1, 2, 3)) == 0).all()
    assert torch.equal(blend.mask.amax(dim=(1, 2, 3)), torch.ones(40))
    assert blend.ratio.tolist() == [1] * 40


@pytest.mark.parametrize("marked", [(30, 36, 45), (27, 48, 54), (33, 39, 42)])
@both_ops
def test_the_foregrounds_landmarks_are_moved_onto_those_of_the_background(marked: tuple[int, int, int], ops: Any) -> None:
    """Three landmarks of the foreground are marked with a red, a green and a blue blob, which are located in the fake."""
    size, landmarks = 192, face_landmarks(192).numpy()
    turn = 0.8 * np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    other_landmarks = ((landmarks - 96) @ turn.T + (88, 103)).astype(np.float32)
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    blobs = [100 * torch.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 8) for x, y in other_landmarks[list(marked)].tolist()]
    others = (100 + torch.stack(blobs)).to(torch.uint8)[None]
    params = params_of({"mean_colour": 1, "erode": 0}, **STILL)
    background = torch.full((1, 3, size, size), 90, dtype=torch.uint8)
    fake = make_cross_blends(background, landmarks[None], others, other_landmarks[None], Rng(np.arange(1)), params, ops).fake[0]
    for channel, (x, y) in zip(fake.float(), landmarks[list(marked)].tolist(), strict=True):
        bright = (channel - 110).clamp(min=0)
        assert float((bright * columns).sum() / bright.sum()) == pytest.approx(x, abs=0.3)
        assert float((bright * rows).sum() / bright.sum()) == pytest.approx(y, abs=0.3)


def test_fit_is_exact_for_affinely_related_points_and_least_squares_for_others() -> None:
    draws = np.random.default_rng(0)
    sources = draws.uniform(0, 380, (5, 68, 2)).astype(np.float32)
    maps = np.concatenate([np.eye(2) + draws.uniform(-0.3, 0.3, (5, 2, 2)), draws.uniform(-50, 50, (5, 2, 1))], axis=2)
    targets = sources @ maps[:, :, :2].transpose(0, 2, 1) + maps[:, None, :, 2]
    assert np.abs(fit_affine(sources, targets.astype(np.float32)) - maps).max() < 1e-4
    noisy = (targets + draws.normal(0, 9, targets.shape)).astype(np.float32)
    for found, source, target in zip(fit_affine(sources, noisy), sources, noisy, strict=True):
        least = np.linalg.lstsq(np.column_stack([source, np.ones(68)]).astype(float), target.astype(float))[0]
        assert np.abs(found - least.T).max() < 1e-6


def colours_and_region() -> tuple[Tensor, Tensor, Tensor]:
    """Foregrounds, backgrounds of other colours, and regions surrounded by unrelated colours."""
    (foregrounds, _), (backgrounds, landmarks) = faces(6, 128), faces(6, 128, seed=1)
    region = draw_polygons([hull_polygons(points, "face") for points in landmarks], 128, 128, CPU)
    foregrounds, backgrounds = 90 + foregrounds // 4, 60 + backgrounds // 3
    return torch.where(region > 0, foregrounds, 255), torch.where(region > 0, backgrounds, 0), region


@both_ops
def test_foregrounds_get_the_mean_of_the_region_or_its_mean_and_deviation_in_lab(ops: Any) -> None:
    foregrounds, backgrounds, region = colours_and_region()
    shifted, matched = (transfer_colours(foregrounds, backgrounds, region, np.full(6, mean_only), ops) for mean_only in (True, False))
    labs = ops.to_lab(matched), ops.to_lab(backgrounds)
    for new, old, target, lab, target_lab, inside in zip(shifted, foregrounds, backgrounds, *labs, region[:, 0] > 0, strict=True):
        assert (new[:, inside].float().mean(dim=1) - target[:, inside].float().mean(dim=1)).abs().max() <= 0.51
        assert (new[:, inside].float() - old[:, inside]).std(dim=1).max() == 0, "only a shift"
        assert (lab[:, inside].mean(dim=1) - target_lab[:, inside].mean(dim=1)).abs().max() < 0.05
        assert (lab[:, inside].std(dim=1) / target_lab[:, inside].std(dim=1) - 1).abs().max() < 0.02


def test_colours_far_from_the_hull_have_no_effect() -> None:
    (images, landmarks), (others, marks) = faces(8), faces(8, seed=1)
    painted = [torch.cat([torch.full_like(pictures[..., :8], 255), pictures[..., 8:]], dim=3) for pictures in (images, others)]
    blends = [make_cross_blends(a, landmarks, b, marks, Rng(np.arange(8)), params_of()) for a, b in ((images, others), painted)]
    assert torch.equal(*(blend.fake[..., 8:] for blend in blends))


@both_ops
def test_lab_transfer_amplifies_the_noise_of_a_flat_foreground_by_at_most_its_limit(ops: Any) -> None:
    flat = (128 + 6 * torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))).to(torch.uint8).expand(1, 3, 64, 64)
    striking = torch.full((1, 3, 64, 64), 40, dtype=torch.uint8)
    striking[..., 32:] = 215
    lightness = ops.to_lab(transfer_colours(flat, striking, torch.ones_like(flat[:, :1]), np.zeros(1, bool), ops))[:, 0]
    assert float(lightness.std() / ops.to_lab(flat)[:, 0].std()) == pytest.approx(MAX_GAIN, rel=0.05)


@pytest.mark.parametrize("probability", [0, 0.2, 0.5, 1])
def test_only_the_mean_is_matched_with_its_probability(probability: float) -> None:
    """Low-contrast foregrounds keep their contrast if only the mean is matched, and gain contrast if Lab is matched."""
    images, landmarks = faces(300, 64)
    others, marks = 100 + images.flip(0) // 16, np.repeat(face_landmarks(64).numpy()[None], 300, axis=0)
    blend = make_cross_blends(images, landmarks, others, marks, Rng(np.arange(300)), params_of({"mean_colour": probability}))
    regions = zip(blend.fake, others, fully_blended(blend.mask), strict=True)
    spreads = [[float(image[:, core].float().std(dim=1).mean()) for image in (fake, other)] for fake, other, core in regions]
    rise = np.divide(*np.transpose(spreads))
    assert not ((rise > 1.5) & (rise < 2)).any(), "the two cases are distinct"
    count = int((rise < 1.75).sum())
    assert count == 300 * probability if probability in (0, 1) else within_chance(count, 300, probability)


def areas(count: int, **bi: Any) -> NDArray[np.float64]:
    """Area of M > 1/2 relative to that of the hull, by default with the largest edge kernel."""
    hulls = draw_polygons([hull_polygons(points, "face") for points in faces(count)[1]], 96, 96, CPU)
    blend = blend_faces(count, params=params_of({"warp": 0, "edge_kernel": [21, 21], **bi}, **STILL))
    return ((blend.mask > 0.5).sum(dim=(1, 2, 3)) / hulls.sum(dim=(1, 2, 3))).double().numpy()


def test_masks_are_eroded_with_a_probability_and_else_dilated_by_kernels_up_to_the_largest() -> None:
    most = areas(40, erode=1)
    assert most.max() < 0.93
    assert areas(40, erode=0).min() > 1.07
    drawn = areas(200, erode=1, edge_kernel=[1, 21])
    assert drawn.max() > 0.99
    assert drawn.min() == pytest.approx(most.mean(), abs=0.02)
    assert within_chance(int((areas(300) < 1).sum()), 300, 0.5)
    assert within_chance(int((areas(300, erode=0.2) < 1).sum()), 300, 0.2)


@both_ops
def test_without_warp_and_elastic_deformation_the_hull_stays_in_place_and_with_warp_it_does_not(ops: Any) -> None:
    hulls = draw_polygons([hull_polygons(points, "face") for points in faces(20)[1]], 96, 96, CPU) > 0
    still, moved = (
        (blend_faces(20, params=params_of({"warp": warp, "edge_kernel": [1, 1]}, **STILL), ops=ops).mask > 0.5) ^ hulls
        for warp in (0, 0.015)
    )
    assert still.sum(dim=(1, 2, 3)).max() < 0.01 * hulls[0].sum()
    assert moved.sum(dim=(1, 2, 3)).min() > 0.01 * hulls[0].sum()


def triangle_planes(field: Tensor, cells: int, upper: bool) -> tuple[Tensor, Tensor]:
    """Planes fitted to the upper or lower triangles of all cells of a field.

    Returns their values extrapolated to the four corners of each cell, (..., cells, cells, 4) row by row, and the largest residual.
    """
    side = FIELD_SIZE // cells
    fraction = (torch.arange(side) + 0.5).double() / side
    down, across = (axis.flatten() for axis in torch.meshgrid(fraction, fraction, indexing="ij"))
    triangle = down + across < 0.999 if upper else down + across > 1.001
    values = field.double().reshape(-1, 2, cells, side, cells, side).transpose(3, 4).flatten(4)[..., triangle]
    design = torch.stack([torch.ones_like(down), down, across], dim=1)[triangle]
    plane = values @ torch.linalg.pinv(design).T
    corners = torch.tensor([[1, 0, 0], [1, 0, 1], [1, 1, 0], [1, 1, 1]], dtype=torch.float64)
    return plane @ corners.T, (plane @ design.T - values).abs().max()


@pytest.mark.parametrize("cells", [1, 4, 8])
def test_warp_is_affine_on_each_triangle_continuous_between_them_and_has_the_documented_deviation(cells: int) -> None:
    field = affine_shifts(Rng(np.arange(300)), 200, 150, params_of({"warp": 0.02, "warp_cells": cells}), CPU)
    (upper, residual), (lower, other_residual) = triangle_planes(field, cells, True), triangle_planes(field, cells, False)
    assert max(residual, other_residual) < 1e-3
    assert torch.allclose(upper[..., 1:3], lower[..., 1:3], atol=1e-3), "the triangles of a cell meet"
    assert torch.allclose(upper[:, :, :, :-1, 1], upper[:, :, :, 1:, 0], atol=1e-3), "cells meet those to their right"
    assert torch.allclose(upper[:, :, :-1, :, 2], upper[:, :, 1:, :, 0], atol=1e-3), "and those below"
    drawn = upper[..., 0]
    assert float(drawn.std()) == pytest.approx(0.02 * 200, rel=0.12 / cells)
    assert abs(float(drawn.mean())) < 4 * 4 / np.sqrt(drawn.numel())
    assert abs(float(torch.corrcoef(drawn.transpose(0, 1).flatten(1))[0, 1])) < 0.2, "x and y are independent"


BAD_LANDMARKS: dict[str, Callable[[Tensor], Tensor]] = {
    "nan": lambda face: face.index_fill(0, torch.tensor(3), torch.nan),
    "infinite": lambda face: face.index_fill(0, torch.tensor(60), -torch.inf),
    "one point": lambda face: face * 0 + 48,
    "a line": lambda face: face * torch.tensor([1, 0]) + torch.tensor([0, 48]),
    "a slanted line": lambda face: face[:, :1].expand(68, 2),
    "tiny": lambda face: face * 0.05 + 48,
    "a fifth": lambda face: face * 0.2 + 38,
    "outside": lambda face: face + 67,
    "huge": lambda face: face * 1e30,
    "mirrored": lambda face: face * torch.tensor([-1, 1]) + torch.tensor([95, 0]),
}


@pytest.mark.parametrize("whose", ["background", "foreground"])
@pytest.mark.parametrize("change", BAD_LANDMARKS)
def test_bad_landmarks_of_either_face_are_refused_without_effect_on_the_rest_of_the_batch(change: str, whose: str) -> None:
    (images, good), (others, _) = faces(3), faces(3, seed=1)
    bad = good.copy()
    bad[1] = BAD_LANDMARKS[change](torch.from_numpy(good[1])).numpy()
    marks = (bad, good) if whose == "background" else (good, bad)
    blend = make_cross_blends(images, marks[0], others, marks[1], Rng(np.arange(3)), params_of())
    assert blend.ok.tolist() == [True, False, True]
    assert torch.equal(torch.stack([blend.fake[1], blend.real[1]]), images[[1, 1]])
    assert not torch.cat([blend.mask[1], blend.boundary[1]]).any()
    assert blend.ratio[1] == 1
    for item in (0, 2):
        alone = slice(item, item + 1)
        only = make_cross_blends(images[alone], good[alone], others[alone], good[alone], Rng(np.arange(3))[alone], params_of())
        assert all(torch.equal(part[item], one[0]) for part, one in zip(blend, only, strict=True))


@settings(deadline=None, max_examples=80)
@given(
    seed=st.integers(0, 2**31), spread=st.floats(0, 120), other_spread=st.floats(0, 120), equal=st.booleans(),
    x=st.floats(-50, 150), y=st.floats(-50, 150), size=st.sampled_from([(64, 64), (61, 97)]), ops=st.sampled_from([opencv, tensors]),
)  # fmt: skip
def test_any_landmarks_of_both_faces_give_a_blend_or_a_refusal(
    seed: int, spread: float, other_spread: float, equal: bool, x: float, y: float, size: tuple[int, int], ops: Any
) -> None:
    draws = np.random.default_rng(seed)
    points = draws.uniform(-1, 1, (2, 1, 68, 2)) if not equal else np.repeat(draws.uniform(-1, 1, (1, 1, 68, 2)), 2, axis=0)
    marks = (points * np.reshape([spread, other_spread], (2, 1, 1, 1)) + (x, y)).astype(np.float32)
    images = torch.from_numpy(draws.integers(0, 256, (2, 1, 3, *size), np.uint8))
    blend = make_cross_blends(images[0], marks[0], images[1], marks[1], Rng(np.array([seed])), params_of(), ops)
    assert 0 <= blend.mask.min() <= blend.mask.max() <= 1
    assert torch.equal(blend.real, images[0])
    outside = (blend.mask == 0).expand_as(images[0])
    assert torch.equal(blend.fake[outside], images[0][outside])
    assert bool(blend.ok) == bool(blend.mask.any())


WRONG = {
    "float images": {"images": torch.zeros(2, 3, 32, 32)},
    "float others": {"others": torch.zeros(2, 3, 32, 32)},
    "others of another size": {"others": torch.zeros(2, 3, 64, 64, dtype=torch.uint8)},
    "fewer others": {"others": torch.zeros(1, 3, 32, 32, dtype=torch.uint8), "other_landmarks": torch.zeros(1, 68, 2)},
    "five other landmarks": {"other_landmarks": torch.zeros(2, 5, 2)},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_shapes_are_one_clear_sentence(wrong: str) -> None:
    images, landmarks = torch.zeros(2, 3, 32, 32, dtype=torch.uint8), torch.zeros(2, 68, 2)
    inputs: dict[str, Any] = {"images": images, "landmarks": landmarks, "others": images, "other_landmarks": landmarks, **WRONG[wrong]}
    with pytest.raises(LaanetError, match=r"^(images|others|landmarks|other_landmarks): .*give .*\.$"):
        cross_blend(**inputs, generator=torch.Generator())


@pytest.mark.parametrize("size", [128, 192])
def test_opencv_and_tensors_agree_within_rounding(size: int) -> None:
    """A contour pixel that is rounded to the other side has an effect within the range of the feathering."""
    first, second = (blend_faces(30, size, ops=ops) for ops in (opencv, tensors))
    for levels in ((first.fake.float() - second.fake).abs(), 255 * (first.mask - second.mask).abs()):
        assert levels.mean() < 0.1
        assert (levels > 4).float().mean() < 0.008
