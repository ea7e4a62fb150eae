"""The corruptions of Table 2, each against an independent computation, and what can be registered as a corruption."""

import hashlib
import math
import re
from functools import partial
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from laanet_core.errors import LaanetError
from laanet_core.evaluation.robustness import corruptions
from laanet_core.evaluation.robustness.corruption import Corruption
from laanet_core.evaluation.robustness.corruptions import CORRUPTIONS, find_corruptions, register
from laanet_core.randomness import numpy_generator
from laanet_core.reporting.paper.published import TABLE2
from laanet_core.types import Image
from tests.helpers.drawn_face import face_image

PAPER = list(TABLE2[0].auc)
"""The corruptions of Table 2."""
DIGESTS = {
    "contrast": "7752fec280edd410bd789dd187e6df191fca33b9417e3d0b69da6f93f59afb78",
    "block": "7108da6ca71125199e940a49de65b1641f4a9883f7b855aff4eb735997da1493",
    "noise": "720b9583eec28bf7c94505157076f1e7264f22ad58143764b2bed018ca24a9bf",
}
"""SHA-256 of an image under a corruption at severities 1 to 5; the others may round differently on another processor."""
SEVERITIES = range(1, 6)


def picture(height: int = 120, width: int = 120) -> Image:
    """A textured RGB image in all 256 levels."""
    grain = np.random.default_rng(5).integers(-20, 21, (height, width, 3))
    face = face_image(max(height, width)).permute(1, 2, 0).numpy()[:height, :width]
    return np.clip(face * 1.2 - 20 + grain, 0, 255).astype(np.uint8)


def corrupted(image: Image, kind: str, severity: int, seed: int = 1) -> Image:
    return CORRUPTIONS[kind].apply(image, severity, numpy_generator(seed, "corruption", kind, severity, "video", 0, 0))


def is_random(kind: str, severity: int) -> bool:
    """Whether the result depends on the seed."""
    first, second = (corrupted(picture(), kind, severity, seed) for seed in (1, 2))
    return first.tobytes() != second.tobytes()


def ycbcr(image: NDArray[Any]) -> NDArray[np.float32]:
    """OpenCV's Y, Cr and Cb of values in [0, 1], the chroma about 0.5."""
    return np.asarray(cv2.cvtColor(np.asarray(image / 255, np.float32), cv2.COLOR_RGB2YCrCb))


@pytest.mark.parametrize("severity", SEVERITIES)
def test_saturation_scales_the_chroma_that_opencv_computes(severity: int) -> None:
    image = picture()
    expected = ycbcr(image)
    expected[..., 1:] = 0.5 + (expected[..., 1:] - 0.5) * [0.4, 0.3, 0.2, 0.1, 0.0][severity - 1]
    levels = np.clip(cv2.cvtColor(expected, cv2.COLOR_YCrCb2RGB) * 255, 0, 255)
    assert np.abs(corrupted(image, "saturation", severity) - levels).max() < 1


def test_saturation_at_severity_5_leaves_grey_of_the_same_luma() -> None:
    image = picture()
    grey = corrupted(image, "saturation", 5)
    assert (grey == grey[..., :1]).all()
    assert np.abs(grey[..., 0].astype(int) - cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(int)).max() <= 1


@pytest.mark.parametrize("severity", SEVERITIES)
def test_contrast_is_each_value_times_the_factor_rounded(severity: int) -> None:
    image = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    exact = image.astype(int) * [850, 725, 600, 475, 350][severity - 1]
    assert (np.abs(corrupted(image, "contrast", severity).astype(int) * 1000 - exact) <= 500).all()


@pytest.mark.parametrize("severity", SEVERITIES)
def test_blocks_are_the_given_number_of_grey_squares_of_8_px(severity: int) -> None:
    image = np.zeros((3000, 2400, 3), np.uint8)
    covered = corrupted(image, "block", severity)
    assert (covered == covered[..., :1]).all()
    assert set(np.unique(covered)) == {0, 128}
    count, _, facts, _ = cv2.connectedComponentsWithStats(np.ascontiguousarray(covered[..., 0]), connectivity=8)
    assert count - 1 == [16, 32, 48, 64, 80][severity - 1]  # without the background; in an image this large they do not touch
    assert (facts[1:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT, cv2.CC_STAT_AREA]] == [8, 8, 64]).all()


def test_blocks_are_completely_inside_the_image_and_reach_every_pixel() -> None:
    image = np.full((20, 31, 3), 7, np.uint8)
    changes = np.zeros((20, 31))
    for seed in range(60):
        changed = (corrupted(image, "block", 1, seed) != image).any(axis=2)
        assert (ndimage.binary_opening(changed, np.ones((8, 8))) == changed).all()
        changes += changed
    assert (changes > 0).all()


@pytest.mark.parametrize(("severity", "variance"), [(1, 0.001), (2, 0.002), (3, 0.005), (4, 0.01)])
def test_noise_is_white_and_has_its_variance_in_luma_and_in_chroma(severity: int, variance: float) -> None:
    grey = np.full((500, 400, 3), 128, np.uint8)
    noise = ycbcr(corrupted(grey, "noise", severity)) - ycbcr(grey)
    assert noise.mean(axis=(0, 1)) == pytest.approx([0, 0, 0], abs=0.002)
    assert noise.var(axis=(0, 1)) == pytest.approx([variance] * 3, rel=0.03)
    assert np.corrcoef(noise.reshape(-1, 3).T) == pytest.approx(np.eye(3), abs=0.02)
    assert np.corrcoef(noise[1:, :, 0].ravel(), noise[:-1, :, 0].ravel())[0, 1] == pytest.approx(0, abs=0.02)
    assert np.corrcoef(noise[:, 1:, 0].ravel(), noise[:, :-1, 0].ravel())[0, 1] == pytest.approx(0, abs=0.02)


def test_strongest_noise_is_clipped_at_white_as_often_as_its_variance_predicts() -> None:
    grey = np.full((500, 400, 3), 128, np.uint8)
    deviation = 255 * math.sqrt(0.05 * (1 + 1.402**2))  # red: of Y and of Cr, 1.402 times
    white = (1 - math.erf((254.5 - 128) / deviation / math.sqrt(2))) / 2
    assert (corrupted(grey, "noise", 5)[..., 0] == 255).mean() == pytest.approx(white, rel=0.03)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_blur_is_the_sum_over_a_gaussian_kernel(severity: int) -> None:
    image, kernel = picture(90, 120), [7, 9, 13, 17, 21][severity - 1]
    distance = np.arange(kernel) - kernel // 2
    taps = np.exp(-(distance**2) / (2 * (kernel / 6) ** 2))
    taps /= taps.sum()
    rows = ndimage.correlate1d(image.astype(float), taps, axis=0, mode="mirror")
    expected = ndimage.correlate1d(rows, taps, axis=1, mode="mirror")
    assert np.abs(corrupted(image, "blur", severity) - expected).max() < 1


@pytest.mark.parametrize("severity", SEVERITIES)
def test_pixelation_fills_each_block_with_its_mean(severity: int) -> None:
    image, side = picture(60, 120), severity + 1
    blocks = image.reshape(60 // side, side, 120 // side, side, 3).mean(axis=(1, 3))
    expected = blocks.repeat(side, axis=0).repeat(side, axis=1)
    assert np.abs(corrupted(image, "pixelation", severity) - expected).max() <= 0.51


def test_pixelation_of_a_side_that_the_factor_does_not_divide_has_the_quotient_rounded_down() -> None:
    seen = corrupted(picture(160, 64), "pixelation", 2).astype(int)
    steps = [int(np.abs(np.diff(seen, axis=axis)).sum(axis=(1 - axis, 2)).astype(bool).sum()) for axis in (0, 1)]
    assert steps == [160 // 3 - 1, 64 // 3 - 1]


@pytest.mark.parametrize("kind", list(CORRUPTIONS))
def test_damage_grows_with_severity(kind: str) -> None:
    image = picture()
    damage = [np.abs(corrupted(image, kind, severity).astype(float) - image).mean() for severity in SEVERITIES]
    assert damage[0] > 1
    assert (np.diff(damage) > 0).all()


@pytest.mark.parametrize("kind", list(CORRUPTIONS))
def test_a_corruption_gives_a_copy_of_the_same_shape_and_the_same_bytes_each_time(kind: str) -> None:
    image = picture(96, 130)
    before = image.copy()
    for severity in SEVERITIES:
        first, second = corrupted(image, kind, severity), corrupted(image, kind, severity)
        assert (str(first.dtype), first.shape) == ("uint8", (96, 130, 3))
        assert first.tobytes() == second.tobytes()
    assert (image == before).all()


@pytest.mark.parametrize("kind", list(CORRUPTIONS))
def test_a_corruption_is_random_at_every_severity_or_at_none(kind: str) -> None:
    assert len({is_random(kind, severity) for severity in SEVERITIES}) == 1


def test_of_the_papers_corruptions_only_block_and_noise_are_random() -> None:
    assert {kind for kind in PAPER if is_random(kind, 1)} == {"block", "noise"}


@pytest.mark.parametrize("kind", DIGESTS)
def test_a_corruption_gives_the_bytes_of_earlier_versions(kind: str) -> None:
    image = np.random.default_rng(0).integers(0, 256, (96, 130, 3)).astype(np.uint8)
    assert hashlib.sha256(b"".join(corrupted(image, kind, severity).tobytes() for severity in SEVERITIES)).hexdigest() == DIGESTS[kind]


@pytest.mark.parametrize("severity", [0, 6, -1])
def test_a_severity_other_than_1_to_5_is_an_error(severity: int) -> None:
    with pytest.raises(ValueError, match=f"blur at severity {severity}: severities are 1 to 5"):
        corrupted(picture(), "blur", severity)


def test_the_package_provides_the_corruptions_of_the_paper() -> None:
    assert set(CORRUPTIONS) >= set(PAPER)
    assert [found.name for found in find_corruptions(PAPER)] == PAPER


def test_an_unknown_corruption_is_an_error_that_names_the_known_ones() -> None:
    words = f"robustness.corruptions: 'jpeg' is unknown; choose from {', '.join(CORRUPTIONS)}, or add a module"
    with pytest.raises(LaanetError, match=re.escape(words)):
        find_corruptions(["blur", "jpeg"])


def invert(image: Image, amount: float, _generator: np.random.Generator) -> Image:
    return np.asarray(np.rint(image + amount * (255.0 - 2.0 * image)), np.uint8)


FIVE = (0.1, 0.2, 0.3, 0.4, 0.5)


@pytest.mark.parametrize(
    ("name", "amounts", "function", "sentence"),
    [
        ("none", FIVE, invert, "cannot be named 'none'"),
        ("two words", FIVE, invert, "cannot be named 'two words'"),
        ("invert", FIVE[:4], invert, "invert: 4 amounts; give one for each severity from 1 to 5"),
        ("invert", FIVE, lambda image, _amount, _generator: image, "lambda.* is not defined at the top level of a module"),
        ("invert", FIVE, partial(invert), "partial.* is not defined at the top level of a module"),
    ],
)
def test_an_invalid_corruption_is_rejected(name: str, amounts: Any, function: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Corruption(name, amounts, function)


def test_a_name_is_registered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corruptions, "CORRUPTIONS", dict(CORRUPTIONS))
    register(Corruption("invert", FIVE, invert))
    assert find_corruptions(["invert"])[0].function is invert
    for name in ("invert", "blur"):
        with pytest.raises(ValueError, match=f"'{name}' is already registered"):
            register(Corruption(name, FIVE, invert))
