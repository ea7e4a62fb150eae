"""Golden images: pseudo-fakes of three drawn faces with fixed keys, which OpenCV and tensors must reproduce within rounding.

golden/NAME.png: one row per face with its real image, its fake and its mask (white for M = 1). If the pseudo-fakes are meant to change,
`python -m tests.unit.synthesis.test_golden` writes the files again; inspect them before committing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from laanet_core.params import AugmentParams, SynthesisParams
from laanet_core.synthesis import augment
from laanet_core.synthesis.bi import make_cross_blends
from laanet_core.synthesis.ops import opencv, tensors
from laanet_core.synthesis.rng import Rng
from laanet_core.synthesis.sbi import make_self_blends
from laanet_core.types import Image, Points
from tests.helpers.drawn_face import face_image, face_landmarks

FOLDER = Path(__file__).parent / "golden"
SIZE = 128
# Together these keys cover three hulls, several ratios, colour changes of source and target, pixelation and sharpening, an RGB shift,
# both colour transfers, erosion and dilation, and every augmentation.
KEYS = 3102 + np.arange(3)
# Limits of differences due to rounding: mean difference in grey levels, and share of differences above four. Rounding usually changes one
# level, but more on mask contours and after JPEG. OpenCV and tensors differ by half of these limits.
LIMITS = {"sbi": (0.15, 0.004), "bi": (0.15, 0.004), "augmented": (0.4, 0.01)}


def faces(seed: int) -> tuple[Tensor, Points]:
    """Three images with a soft dot at each landmark, and their landmarks, slightly different for each."""
    generator = torch.Generator().manual_seed(seed)
    landmarks = face_landmarks(SIZE) + torch.randn(3, 68, 2, generator=generator)
    rows, columns = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    squares = (columns - landmarks[..., 0, None, None]).square() + (rows - landmarks[..., 1, None, None]).square()
    dots = 1 - 0.5 * torch.exp(-squares / 8).amax(dim=1, keepdim=True)
    return (torch.stack([face_image(SIZE, 10 * seed + item) for item in range(3)]) * dots).to(torch.uint8), landmarks.numpy()


def draw_sbi(keys: NDArray[np.int64], ops: Any, **changes: Any) -> Image:
    blend = make_self_blends(*faces(1), Rng(keys), SynthesisParams.model_validate(changes), ops)
    return sheet(blend.real, blend.fake, blend.mask)


def draw_bi(keys: NDArray[np.int64], ops: Any, **changes: Any) -> Image:
    blend = make_cross_blends(*faces(1), *faces(2), Rng(keys), SynthesisParams.model_validate({"method": "bi", **changes}), ops)
    return sheet(blend.real, blend.fake, blend.mask)


def draw_augmented(keys: NDArray[np.int64], ops: Any, **changes: Any) -> Image:
    images, landmarks = faces(1)
    blend = make_self_blends(images, landmarks, Rng(keys), SynthesisParams(), ops)
    points = torch.from_numpy(landmarks)
    return sheet(*augment(blend.real, blend.fake, blend.mask, points, Rng(keys), AugmentParams.model_validate(changes), ops)[:3])


DRAWN: dict[str, Callable[..., Image]] = {"sbi": draw_sbi, "bi": draw_bi, "augmented": draw_augmented}


def sheet(real: Tensor, fake: Tensor, mask: Tensor) -> Image:
    """One row per item, RGB (3 SIZE, 3 SIZE, 3)."""
    grey = (255 * mask).round().to(torch.uint8).expand_as(real)
    rows = torch.cat([real, fake, grey], dim=3)
    return np.ascontiguousarray(torch.cat(list(rows), dim=1).permute(1, 2, 0).numpy())


def read_golden(name: str) -> Image:
    return np.asarray(cv2.cvtColor(cv2.imread(str(FOLDER / f"{name}.png")), cv2.COLOR_BGR2RGB), np.uint8)


def agree(name: str, drawn: Image) -> bool:
    """Whether a sheet differs from the golden one by rounding only."""
    levels = np.abs(drawn.astype(int) - read_golden(name))
    mean, share = LIMITS[name]
    return bool(levels.mean() < mean and (levels > 4).mean() < share)


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("ops", [opencv, tensors], ids=["opencv", "tensors"])
def test_opencv_and_tensors_reproduce_the_golden_images_within_rounding(name: str, ops: Any) -> None:
    assert agree(name, DRAWN[name](KEYS, ops)), "if the change is intended: python -m tests.unit.synthesis.test_golden"


@pytest.mark.parametrize("name", DRAWN)
def test_other_keys_give_images_that_differ_by_far_more(name: str) -> None:
    levels = np.abs(DRAWN[name](KEYS + 3, opencv).astype(int) - read_golden(name))
    mean, share = LIMITS[name]
    assert levels.mean() > 10 * mean
    assert (levels > 4).mean() > 10 * share


@pytest.mark.parametrize(
    ("name", "change"),
    [
        *[("sbi", {"hulls": ["face"]}), ("sbi", {"elastic_alpha": 0}), ("sbi", {"sbi": {"mask_precision": "float"}})],
        *[("sbi", {"sbi": {name: 0}}) for name in ("change_source", "shift_x", "shift_y", "rgb_shift_probability", "saturation")],
        *[("sbi", {"sbi": {name: 0}}) for name in ("brightness", "contrast", "pixelate_probability")],
        *[("bi", {"bi": {name: 0}}) for name in ("warp", "mean_colour", "erode")],
        *[("augmented", {name: 0}) for name in ("flip", "crop", "scale", "erase", "colour", "noise", "blur", "jpeg")],
    ],
)
def test_a_change_of_one_step_is_more_than_rounding(name: str, change: dict[str, Any]) -> None:
    assert not agree(name, DRAWN[name](KEYS, opencv, **change))


@pytest.mark.parametrize("name", DRAWN)
def test_golden_images_are_small(name: str) -> None:
    assert (FOLDER / f"{name}.png").stat().st_size < 200_000


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    packing = [cv2.IMWRITE_PNG_COMPRESSION, 9, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_FILTERED]
    for name, draw in DRAWN.items():
        cv2.imwrite(str(FOLDER / f"{name}.png"), cv2.cvtColor(draw(KEYS, opencv), cv2.COLOR_RGB2BGR), packing)
