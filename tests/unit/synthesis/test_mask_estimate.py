"""The blending mask of a deepfake is found from its difference to the pristine image; pairs that do not show it are refused."""

from __future__ import annotations

from typing import get_args

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from laanet_core.demo import faceswap
from laanet_core.demo.cast import Method
from laanet_core.demo.faceswap import FaceImage, control_points, swap_face, triangulate
from laanet_core.synthesis.mask_estimate import MaskEstimate, draw_mask, estimate_mask
from laanet_core.types import Image
from tests.helpers.portraits import ASTRONAUT, ASTRONAUT_FILE, GRACE, GRACE_FILE, Array, points, read_rgb

SIZE = 224


def square(image: Image, landmarks: Array, size: int = SIZE) -> tuple[Image, NDArray[np.float32]]:
    """A crop of size x size pixels around a face with some margin, and the landmarks in it."""
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    half = float((high - low).max()) * 0.75
    left, top = (low + high) / 2 - half
    scale = size / (2 * half)
    matrix = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]])
    crop = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(crop, np.uint8), ((landmarks - (left, top)) * scale).astype(np.float32)


def compress(image: Image, quality: int) -> Image:
    """An image after JPEG."""
    encoded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.ascontiguousarray(decoded[..., ::-1], np.uint8)


PORTRAITS = {"astronaut": (ASTRONAUT_FILE, ASTRONAUT, GRACE_FILE, GRACE), "grace": (GRACE_FILE, GRACE, ASTRONAUT_FILE, ASTRONAUT)}


def swap(name: str, method: Method) -> tuple[Image, Image, Array]:
    """A portrait, the same with the other's face, both complete, and its landmarks."""
    target_file, target_points, donor_file, donor_points = PORTRAITS[name]
    target, landmarks = read_rgb(target_file), points(target_points)
    donor = FaceImage(read_rgb(donor_file), control_points(points(donor_points)))
    return target, swap_face(target, landmarks, donor, triangulate(control_points(landmarks)), method), landmarks


def true_mask(name: str, method: Method, monkeypatch: pytest.MonkeyPatch) -> NDArray[np.float32]:
    """What the face swap multiplies the donor's face with, seen by swapping a white face into a black image."""
    target_file, target_points, _, _ = PORTRAITS[name]
    landmarks, black = points(target_points), np.zeros_like(read_rgb(target_file))
    donor = FaceImage(np.full_like(black, 255), control_points(landmarks))
    with monkeypatch.context() as patch:
        patch.setattr(faceswap, "match_colours", lambda face, *_: face)
        patch.setattr(faceswap, "_clone", lambda face, *_: face)
        patch.setattr(faceswap, "_outside_mouth", lambda landmarks, shape, width: np.ones(shape, np.float32))
        swapped = swap_face(black, landmarks, donor, triangulate(control_points(landmarks)), method)
    return np.asarray(square(swapped, landmarks)[0][..., 0] / 255, np.float32)


def overlap(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Intersection over union of two masks at one half."""
    return float(((one > 0.5) & (other > 0.5)).sum() / ((one > 0.5) | (other > 0.5)).sum())


def estimate(real: Image, fake: Image, landmarks: Array, size: int = SIZE, quality: int = 80) -> MaskEstimate:
    """Estimate from crops of two images that are compressed differently."""
    crop, marks = square(compress(real, 95), landmarks, size)
    return estimate_mask(crop, square(compress(fake, quality), landmarks, size)[0], marks)


def drawn(found: MaskEstimate, landmarks: Array) -> NDArray[np.float32]:
    """The mask of an estimate in the crop of SIZE pixels."""
    assert found.shape is not None
    return draw_mask(found.shape, square(np.zeros((8, 8, 3), np.uint8), landmarks)[1], SIZE)


@pytest.mark.parametrize("quality", [95, 80, 60])
@pytest.mark.parametrize("method", get_args(Method))
@pytest.mark.parametrize("name", PORTRAITS)
def test_the_mask_of_a_face_swap_is_found(name: str, method: Method, quality: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake, landmarks = swap(name, method)
    found = estimate(real, fake, landmarks, quality=quality)
    assert found.reason == ""
    mask = drawn(found, landmarks)
    assert mask.dtype == np.float32
    assert mask.shape == (SIZE, SIZE)
    assert 0 <= mask.min() < mask.max() <= 1
    assert overlap(mask, true_mask(name, method, monkeypatch)) > 0.78


@pytest.mark.parametrize("size", [112, 384])
def test_the_estimate_does_not_depend_on_the_size_of_the_crops(size: int) -> None:
    real, fake, landmarks = swap("astronaut", "feather")
    here, there = (estimate(real, fake, landmarks, each) for each in (SIZE, size))
    assert overlap(drawn(here, landmarks), drawn(there, landmarks)) > 0.9


@pytest.mark.parametrize("name", PORTRAITS)
@pytest.mark.parametrize("quality", [90, 70, 50])
def test_an_image_that_was_only_compressed_again_has_no_mask(name: str, quality: int) -> None:
    image, landmarks = read_rgb(PORTRAITS[name][0]), points(PORTRAITS[name][1])
    assert estimate(image, image, landmarks, quality=quality).reason.startswith("the difference has no face's shape: correlation ")


@pytest.mark.parametrize("shift", [(4, 3), (-8, 6), (0, 10)])
def test_misaligned_images_have_no_mask(shift: tuple[int, int]) -> None:
    real, fake, landmarks = swap("astronaut", "poisson")
    crop, marks = square(real, landmarks)
    moved = np.roll(square(fake, landmarks)[0], shift, axis=(0, 1))
    found = estimate_mask(crop, moved, marks)
    assert found.reason.startswith("not aligned: images differ by ")
    assert found.border > 4


def test_landmarks_outside_the_image_have_no_mask() -> None:
    image = read_rgb(ASTRONAUT_FILE)[:SIZE, :SIZE]
    found = estimate_mask(image, image, np.full((68, 2), -5000.0, np.float32))
    assert found.reason == "no hull of the landmarks covers a part of the image"
    assert found.shape is None


def test_images_of_different_sizes_are_refused() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    for other in (image[:32], image[:, :, 0], np.zeros((32, 32, 3), np.uint8)):
        with pytest.raises(ValueError, match="two square images of one size"):
            estimate_mask(image, other, np.zeros((68, 2), np.float32))
