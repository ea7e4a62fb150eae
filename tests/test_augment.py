"""Augmentation: one geometry for everything, one photometric draw for both images."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from laanet_core.errors import LaanetError
from laanet_core.params import AugmentParams
from laanet_core.synthesis import augment_pair, self_blend
from laanet_core.synthesis.augment import AugmentedPair, draw_geometry, gaussian_noise, move_points
from tests.drawn_face import face_image, face_landmarks

NOTHING = {"flip": 0.0, "crop": 0.0, "scale": 0.0, "erase": 0.0, "colour": 0.0, "noise": 0.0, "blur": 0.0, "jpeg": 0.0}
PHOTOMETRIC = ["erase", "colour", "noise", "blur", "jpeg"]
GEOMETRIC = ["flip", "crop", "scale"]


def always(*names: str) -> AugmentParams:
    return AugmentParams.model_validate(NOTHING | dict.fromkeys(names, 1.0))


def pair(size: int = 96) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    landmarks = face_landmarks(size)
    blend = self_blend(face_image(size)[None], landmarks[None], torch.Generator().manual_seed(7))
    return blend.real[0], blend.fake[0], blend.mask[0], landmarks


def augment(params: AugmentParams, seed: int = 1, size: int = 96) -> AugmentedPair:
    return augment_pair(*pair(size), params, torch.Generator().manual_seed(seed))


def test_with_every_probability_0_nothing_changes() -> None:
    for before, after in zip(pair(), augment(always()), strict=True):
        assert torch.equal(before, after)


def test_flip_mirrors_images_mask_and_coordinates_exactly() -> None:
    real, fake, mask, landmarks = pair()
    flipped = augment(always("flip"))
    assert torch.equal(flipped.real, real.flip(-1))
    assert torch.equal(flipped.fake, fake.flip(-1))
    assert torch.equal(flipped.mask, mask.flip(-1))
    assert torch.allclose(flipped.landmarks[:, 0], 95 - landmarks[:, 0], atol=1e-5)
    assert torch.equal(flipped.landmarks[:, 1], landmarks[:, 1])


@pytest.mark.parametrize("seed", range(6))
def test_geometry_moves_landmarks_with_the_pixels_they_mark(seed: int) -> None:
    """Coordinates are written into the image: a landmark's new pixel must show its old coordinates."""
    size = 256
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    coordinates = torch.stack([columns, rows, torch.zeros_like(rows)]).to(torch.uint8)
    landmarks = face_landmarks(size) * 0.7 + 0.15 * size
    mask = (columns / (size - 1.0))[None].float()
    moved = augment_pair(coordinates, coordinates, mask, landmarks, always(*GEOMETRIC), torch.Generator().manual_seed(seed))
    for (x, y), (old_x, old_y) in zip(moved.landmarks.tolist(), landmarks.tolist(), strict=True):
        if 1 <= x < size - 2 and 1 <= y < size - 2:
            seen = moved.real[:, round(y), round(x)].tolist()
            assert seen[0] == pytest.approx(old_x, abs=1.3)
            assert seen[1] == pytest.approx(old_y, abs=1.3)
            assert float(moved.mask[0, round(y), round(x)]) * (size - 1) == pytest.approx(old_x, abs=1.3)
    assert torch.equal(moved.real, moved.fake)


def test_geometry_comes_back_by_its_inverse() -> None:
    landmarks = face_landmarks(128)
    for seed in range(20):
        matrix = np.vstack([draw_geometry(always(*GEOMETRIC), 128, 128, np.random.default_rng(seed)), [0, 0, 1]])
        forth = move_points(landmarks, torch.from_numpy(matrix[:2]))
        back = move_points(forth, torch.from_numpy(np.linalg.inv(matrix)[:2]))
        assert torch.allclose(back, landmarks, atol=1e-3)
        assert not torch.allclose(forth, landmarks, atol=1)


def test_a_random_crop_shows_a_window_that_lies_inside_the_image() -> None:
    corners = np.array([[0, 0, 1], [127, 0, 1], [0, 63, 1], [127, 63, 1]]).T
    for seed in range(50):
        matrix = np.vstack([draw_geometry(always("crop"), 64, 128, np.random.default_rng(seed)), [0, 0, 1]])
        window = (np.linalg.inv(matrix) @ corners)[:2]
        assert window.min() > -1e-9
        assert (window.max(axis=1) < (127 + 1e-9, 63 + 1e-9)).all()
        assert np.ptp(window[0]) < 127


def test_geometry_keeps_the_pair_equal_outside_the_mask_and_the_mask_in_range() -> None:
    for seed in range(20):
        moved = augment(always(*GEOMETRIC), seed)
        outside = (moved.mask == 0).expand_as(moved.real)
        assert torch.equal(moved.real[outside], moved.fake[outside])
        assert 0 <= moved.mask.min() <= moved.mask.max() <= 1


@pytest.mark.parametrize("name", [*GEOMETRIC, *PHOTOMETRIC])
def test_each_step_changes_the_images_and_is_the_same_for_two_equal_ones(name: str) -> None:
    real, _, mask, landmarks = pair()
    for seed in range(5):
        changed = augment_pair(real, real, mask, landmarks, always(name), torch.Generator().manual_seed(seed))
        assert torch.equal(changed.real, changed.fake)
        assert not torch.equal(changed.real, real)


@pytest.mark.parametrize("name", PHOTOMETRIC)
def test_photometric_steps_leave_mask_and_landmarks_alone(name: str) -> None:
    _, _, mask, landmarks = pair()
    changed = augment(always(name))
    assert torch.equal(changed.mask, mask)
    assert torch.equal(changed.landmarks, landmarks)


def test_no_step_leaves_a_black_border() -> None:
    for seed in range(30):
        moved = augment(always(*GEOMETRIC), seed)
        assert moved.real.min() > 0
        assert moved.fake.min() > 0


def test_the_generator_decides_everything() -> None:
    params = always(*GEOMETRIC, *PHOTOMETRIC)
    first, again, other = augment(params, 3), augment(params, 3), augment(params, 4)
    for name in AugmentedPair._fields:
        assert torch.equal(getattr(first, name), getattr(again, name))
    assert not torch.equal(first.real, other.real)


def test_noise_is_normal_with_its_deviation_and_without_a_bias() -> None:
    noise = gaussian_noise((256, 256, 3), 10.0, np.random.default_rng(0)).astype(float)
    assert abs(noise.mean()) < 0.1
    assert noise.std() == pytest.approx(10, rel=0.02)
    assert np.mean(np.abs(noise) <= 10.5) == pytest.approx(0.706, abs=0.01)


def test_odd_sizes_pass_every_step() -> None:
    size = (61, 83)
    image = torch.randint(0, 256, (3, *size), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    params = always(*GEOMETRIC, *PHOTOMETRIC)
    changed = augment_pair(image, image, torch.zeros(1, *size), face_landmarks(61), params, torch.Generator().manual_seed(0))
    assert changed.real.shape == (3, *size)
    assert changed.mask.shape == (1, *size)


@pytest.mark.parametrize("wrong", ["real", "fake", "mask", "landmarks"])
def test_wrong_shapes_are_one_clear_sentence(wrong: str) -> None:
    inputs = dict(zip(AugmentedPair._fields, pair(), strict=True))
    inputs[wrong] = inputs[wrong][..., :1]
    with pytest.raises(LaanetError, match=r"^(real, fake|mask, landmarks): .*give .*\.$"):
        augment_pair(**inputs, params=always(), generator=torch.Generator())
