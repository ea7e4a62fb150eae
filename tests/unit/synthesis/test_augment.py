"""Augmentation: one geometric transform for images, mask and landmarks, one photometric change for both images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from laanet_core.errors import LaanetError
from laanet_core.params import AugmentParams
from laanet_core.synthesis import Augmented, augment, self_blend
from laanet_core.synthesis.augment import draw_geometry, gaussian_noise, move_points
from laanet_core.synthesis.ops import opencv, tensors
from laanet_core.synthesis.ops.image_ops import ImageOps
from laanet_core.synthesis.rng import Rng
from tests.helpers.drawn_face import face_image, face_landmarks

PROBABILITIES = ["flip", "crop", "scale", "erase", "colour", "noise", "blur", "jpeg"]
PHOTOMETRIC = ["erase", "colour", "noise", "blur", "jpeg"]
GEOMETRIC = ["flip", "crop", "scale"]


def always(*names: str, **changes: Any) -> AugmentParams:
    return AugmentParams.model_validate(dict.fromkeys(PROBABILITIES, 0.0) | dict.fromkeys(names, 1.0) | changes)


def draws_of(*seeds: int) -> Rng:
    return Rng(np.array(seeds or [1]))


def pairs(size: int = 96, count: int = 1) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    landmarks = face_landmarks(size).expand(count, 68, 2)
    images = torch.stack([face_image(size, item) for item in range(count)])
    blend = self_blend(images, landmarks, torch.Generator().manual_seed(7))
    return blend.real, blend.fake, blend.mask, landmarks


def changed(params: AugmentParams, *seeds: int, size: int = 96) -> Augmented:
    return augment(*pairs(size, len(seeds) or 1), draws_of(*seeds), params)


def test_with_every_probability_0_nothing_changes() -> None:
    for before, after in zip(pairs(), changed(always()), strict=True):
        assert torch.equal(before, after)


def test_flip_mirrors_images_mask_and_coordinates_exactly() -> None:
    real, fake, mask, landmarks = pairs()
    flipped = changed(always("flip"))
    assert torch.equal(flipped.real, real.flip(-1))
    assert torch.equal(flipped.fake, fake.flip(-1))
    assert torch.equal(flipped.mask, mask.flip(-1))
    assert torch.allclose(flipped.landmarks[..., 0], 95 - landmarks[..., 0], atol=1e-5)
    assert torch.equal(flipped.landmarks[..., 1], landmarks[..., 1])


@pytest.mark.parametrize("ops", [opencv, tensors], ids=["opencv", "tensors"])
@pytest.mark.parametrize("seed", range(4))
def test_geometry_moves_landmarks_with_the_pixels_they_mark(seed: int, ops: ImageOps) -> None:
    """Coordinates are written into the image: a landmark's new pixel must show its old coordinates."""
    size = 256
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    coordinates = torch.stack([columns, rows, torch.zeros_like(rows)]).to(torch.uint8)[None]
    landmarks = (face_landmarks(size) * 0.7 + 0.15 * size)[None]
    mask = (columns / (size - 1.0))[None, None].float()
    moved = augment(coordinates, coordinates, mask, landmarks, draws_of(seed), always(*GEOMETRIC), ops)
    visible = 0
    for (x, y), (old_x, old_y) in zip(moved.landmarks[0].tolist(), landmarks[0].tolist(), strict=True):
        if 1 <= x < size - 2 and 1 <= y < size - 2:
            visible += 1
            shown = moved.real[0, :, round(y), round(x)].tolist()
            assert shown[0] == pytest.approx(old_x, abs=1.3)
            assert shown[1] == pytest.approx(old_y, abs=1.3)
            assert float(moved.mask[0, 0, round(y), round(x)]) * (size - 1) == pytest.approx(old_x, abs=1.3)
    assert visible > 30
    assert torch.equal(moved.real, moved.fake)


def test_geometry_is_undone_by_its_inverse() -> None:
    landmarks = face_landmarks(128).expand(20, 68, 2)
    matrices = draw_geometry(draws_of(*range(20)), 128, 128, always(*GEOMETRIC))
    forth = move_points(landmarks, torch.from_numpy(matrices))
    square = np.concatenate([matrices, np.tile([[[0.0, 0.0, 1.0]]], (20, 1, 1))], axis=1)
    back = move_points(forth, torch.from_numpy(np.linalg.inv(square)[:, :2]))
    assert torch.allclose(back, landmarks, atol=1e-3)
    assert (forth - landmarks).abs().amax(dim=(1, 2)).min() > 1


def test_a_random_crop_is_inside_the_image() -> None:
    corners = np.array([[0, 0, 1], [127, 0, 1], [0, 63, 1], [127, 63, 1]]).T
    for matrix in draw_geometry(draws_of(*range(50)), 64, 128, always("crop")):
        window = (np.linalg.inv(np.vstack([matrix, [0, 0, 1]])) @ corners)[:2]
        assert window.min() > -1e-9
        assert (window.max(axis=1) < (127 + 1e-9, 63 + 1e-9)).all()
        assert np.ptp(window[0]) < 127


def test_geometry_keeps_the_pair_equal_outside_the_mask_and_the_mask_in_range() -> None:
    moved = changed(always(*GEOMETRIC), *range(20))
    outside = (moved.mask == 0).expand_as(moved.real)
    assert torch.equal(moved.real[outside], moved.fake[outside])
    assert 0 <= moved.mask.min() <= moved.mask.max() <= 1


@pytest.mark.parametrize("ops", [opencv, tensors], ids=["opencv", "tensors"])
@pytest.mark.parametrize("name", [*GEOMETRIC, *PHOTOMETRIC])
def test_each_step_changes_the_images_and_is_the_same_for_two_equal_ones(name: str, ops: ImageOps) -> None:
    real, _, mask, landmarks = pairs(count=5)
    twins = augment(real, real, mask, landmarks, draws_of(*range(5)), always(name), ops)
    assert torch.equal(twins.real, twins.fake)
    assert bool((twins.real != real).flatten(1).any(dim=1).all())


@pytest.mark.parametrize("name", PHOTOMETRIC)
def test_photometric_steps_leave_mask_and_landmarks_alone(name: str) -> None:
    _, _, mask, landmarks = pairs()
    result = changed(always(name))
    assert torch.equal(result.mask, mask)
    assert torch.equal(result.landmarks, landmarks)


def test_opencv_and_tensors_augment_equally_within_rounding() -> None:
    for name in [*GEOMETRIC, *PHOTOMETRIC]:
        results = [augment(*pairs(count=6), draws_of(*range(6)), always(name), ops) for ops in (opencv, tensors)]
        for first, second in zip(*results, strict=True):
            difference = (first.float() - second.float()).abs()
            assert difference.max() <= (3 if first.dtype == torch.uint8 else 0.05), name
            assert difference.mean() < 0.2, name


def test_scaling_moves_landmarks_about_the_centre_of_the_image() -> None:
    moved = changed(always("scale", scale_by=[1.1, 1.1]), 3)
    centre = torch.full((2,), 95 / 2)
    assert torch.allclose(moved.landmarks - centre, 1.1 * (face_landmarks(96) - centre), atol=1e-3)


def test_borders_are_mirrored_and_not_black() -> None:
    images = torch.stack([face_image(96, item) for item in range(30)])
    landmarks = face_landmarks(96).expand(30, 68, 2)
    moved = augment(images, images, images[:, :1] / 255, landmarks, draws_of(*range(30)), always(*GEOMETRIC))
    assert moved.real.min() >= images.min() - 1
    assert moved.mask.min() >= images[:, 0].min() / 255 - 0.01


def test_the_result_of_an_item_depends_on_its_key_and_not_on_the_batch() -> None:
    params = always(*GEOMETRIC, *PHOTOMETRIC)
    real, fake, mask, landmarks = pairs(count=3)
    batch = augment(real, fake, mask, landmarks, draws_of(3, 4, 5), params)
    for item in range(3):
        at = slice(item, item + 1)
        alone = augment(real[at], fake[at], mask[at], landmarks[at], draws_of(3 + item), params)
        for name in Augmented._fields:
            assert torch.equal(getattr(alone, name), getattr(batch, name)[at])
    assert not torch.equal(batch.real[0], augment(real[:1], fake[:1], mask[:1], landmarks[:1], draws_of(9), params).real[0])


def test_inputs_are_not_modified() -> None:
    inputs = [part.clone() for part in pairs(count=2)]
    before = [part.clone() for part in inputs]
    augment(inputs[0], inputs[1], inputs[2], inputs[3], draws_of(1, 2), always(*GEOMETRIC, *PHOTOMETRIC))
    assert all(torch.equal(now, then) for now, then in zip(inputs, before, strict=True))


@pytest.mark.parametrize("ops", [opencv, tensors], ids=["opencv", "tensors"])
def test_noise_is_normal_with_the_given_deviation_and_no_bias(ops: ImageOps) -> None:
    params = always(noise_deviation=[10, 10])
    noise = gaussian_noise(draws_of(0), (3, 256, 256), params, torch.device("cpu"), ops).double()
    assert abs(noise.mean()) < 0.1
    assert float(noise.std()) == pytest.approx(10, rel=0.02)
    assert float((noise.abs() <= 10.5).double().mean()) == pytest.approx(0.706, abs=0.01)


def test_an_erased_rectangle_has_its_sides_and_one_colour() -> None:
    black = torch.zeros(1, 3, 100, 100, dtype=torch.uint8)
    params = always("erase", erase_side=[0.2, 0.2])
    for seed in range(10):
        erased = augment(black, black, black[:, :1].float(), face_landmarks(100)[None], draws_of(seed), params).real[0]
        covered = erased.amax(dim=0) > 0
        assert int(covered.sum()) == 400
        assert len(torch.unique(erased.flatten(1)[:, covered.flatten()], dim=1).T) == 1


def test_odd_sizes_pass_through_every_step() -> None:
    size = (61, 83)
    image = torch.randint(0, 256, (1, 3, *size), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    result = augment(image, image, torch.zeros(1, 1, *size), face_landmarks(61)[None], draws_of(0), always(*GEOMETRIC, *PHOTOMETRIC))
    assert result.real.shape == (1, 3, *size)
    assert result.mask.shape == (1, 1, *size)


@pytest.mark.parametrize("wrong", ["real", "fake", "mask", "landmarks"])
def test_wrong_shapes_are_one_clear_sentence(wrong: str) -> None:
    inputs = dict(zip(Augmented._fields, pairs(), strict=True))
    inputs[wrong] = inputs[wrong][..., :1]
    with pytest.raises(LaanetError, match=r"^(fake, mask|landmarks): .*give .*\.$"):
        augment(inputs["real"], inputs["fake"], inputs["mask"], inputs["landmarks"], draws_of(1), always())
