"""Self-blended images: masks, blending, unchanged pixels, and refused inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from laanet_core.errors import LaanetError
from laanet_core.params import Hull, Recipe, SynthesisParams
from laanet_core.synthesis import Blend, encode_targets, self_blend
from laanet_core.synthesis.blending import blending_boundary
from laanet_core.synthesis.contact_sheet import COLUMNS, contact_sheet
from laanet_core.synthesis.hulls import draw_polygons, hull_polygons, usable
from laanet_core.synthesis.masks import draw_sbi_softening, elastic_shifts
from laanet_core.synthesis.ops import opencv, tensors
from laanet_core.synthesis.ops.image_ops import ImageOps
from laanet_core.synthesis.rng import Rng
from laanet_core.synthesis.sbi import make_self_blends
from tests.helpers.drawn_face import face_image, face_landmarks

PARAMS = SynthesisParams()
CPU = torch.device("cpu")
HULLS: list[Hull] = ["full", "extended", "components", "face"]


def params_with(**changes: Any) -> SynthesisParams:
    """The published parameters with changes in the section `sbi`."""
    return PARAMS.model_copy(update={"sbi": PARAMS.sbi.model_copy(update=changes)})


def blend_faces(count: int, size: int = 128, seed: int = 1, params: SynthesisParams = PARAMS) -> Blend:
    images = torch.stack([face_image(size, item) for item in range(count)])
    landmarks = face_landmarks(size).expand(count, 68, 2)
    return self_blend(images, landmarks, torch.Generator().manual_seed(seed), params)


def test_blend_has_the_documented_shapes_and_types() -> None:
    blend = blend_faces(3)
    assert blend.fake.shape == blend.real.shape == (3, 3, 128, 128)
    assert blend.fake.dtype == blend.real.dtype == torch.uint8
    assert blend.mask.shape == blend.boundary.shape == (3, 1, 128, 128)
    assert blend.mask.dtype == blend.boundary.dtype == torch.float32
    assert blend.ok.tolist() == [True, True, True]


def test_masks_are_in_0_1_and_peak_at_one_of_the_blend_ratios() -> None:
    blend = blend_faces(120)
    peaks = blend.mask.amax(dim=(1, 2, 3))
    assert blend.mask.min() == 0
    ratios, counts = torch.unique(peaks, return_counts=True)
    assert torch.equal(ratios, torch.tensor([0.25, 0.5, 0.75, 1.0]))
    assert 40 <= counts[-1] <= 80, "half of the ratios are 1"


def test_ratio_is_the_factor_by_which_the_mask_was_scaled() -> None:
    blend = blend_faces(24)
    assert blend.ratio.dtype == torch.float32
    assert blend.ratio.shape == (24,)
    assert torch.equal(blend.ratio, blend.mask.amax(dim=(1, 2, 3)))
    unscaled = blend_faces(24, params=params_with(blend_ratios=[1.0]))
    assert torch.equal(unscaled.mask * blend.ratio[:, None, None, None], blend.mask)


def test_boundary_is_largest_exactly_where_both_images_contribute_equally() -> None:
    mask = torch.arange(1025) / 1024
    boundary = blending_boundary(mask)
    assert mask[boundary.argmax()] == 0.5
    assert boundary.max() == 1
    assert boundary[0] == boundary[-1] == 0


def test_pixels_outside_the_mask_equal_the_real_image_and_inside_they_differ() -> None:
    blend = blend_faces(40)
    outside = (blend.mask == 0).expand_as(blend.fake)
    assert torch.equal(blend.fake[outside], blend.real[outside])
    changed = (blend.fake != blend.real).any(dim=1).flatten(1).sum(dim=1)
    assert (changed > 200).all()


def test_background_is_the_given_image_in_half_of_the_cases() -> None:
    blend = blend_faces(120)
    images = torch.stack([face_image(128, item) for item in range(120)])
    untouched = int((blend.real == images).flatten(1).all(dim=1).sum())
    assert 40 <= untouched <= 80


def test_no_pixel_becomes_black() -> None:
    blend = blend_faces(60)
    assert blend.fake.amax(dim=1).min() > 0
    assert blend.real.amax(dim=1).min() > 0


def test_blend_depends_only_on_the_generator() -> None:
    first, again, other = blend_faces(4), blend_faces(4), blend_faces(4, seed=2)
    for name in Blend._fields:
        assert torch.equal(getattr(first, name), getattr(again, name))
    assert not torch.equal(first.fake, other.fake)


def test_an_item_does_not_depend_on_its_neighbours_or_on_opencvs_threads() -> None:
    images = torch.stack([face_image(128, item) for item in range(3)])
    landmarks = face_landmarks(128).repeat(3, 1, 1)
    together = self_blend(images, landmarks, torch.Generator().manual_seed(3))
    landmarks[0] = torch.nan
    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        apart = self_blend(images, landmarks, torch.Generator().manual_seed(3))
    finally:
        cv2.setNumThreads(threads)
    assert torch.equal(together.fake[1:], apart.fake[1:])


def test_inputs_are_not_modified() -> None:
    images, landmarks = face_image(96)[None], face_landmarks(96)[None]
    before = images.clone(), landmarks.clone()
    self_blend(images, landmarks, torch.Generator().manual_seed(5))
    assert torch.equal(images, before[0])
    assert torch.equal(landmarks, before[1])


def masks_of(
    hull: Hull, size: int, seeds: range, params: SynthesisParams, ops: ImageOps = opencv
) -> tuple[np.ndarray[Any, Any], torch.Tensor]:
    """The silhouette (size, size) of a hull of the drawn face, and soft masks (n, 1, size, size) of it."""
    draws = Rng(np.array(seeds))
    silhouette = draw_polygons([hull_polygons(face_landmarks(size).numpy(), hull)], size, size, CPU)
    shifts = elastic_shifts(draws, size, size, params, CPU)
    masks = ops.soften(silhouette.repeat(len(seeds), 1, 1, 1), shifts, draw_sbi_softening(draws, size, size, params))
    return silhouette[0, 0].numpy(), masks


@pytest.mark.parametrize("ops", [opencv, tensors], ids=["opencv", "tensors"])
@pytest.mark.parametrize(("precision", "low", "high"), [("uint8", 0.98, 1.01), ("float", 0.70, 0.92)])
def test_softened_area_is_kept_with_8_bit_masks_and_shrinks_with_float_masks(
    precision: str, low: float, high: float, ops: ImageOps
) -> None:
    hull, masks = masks_of("face", 384, range(30), params_with(mask_precision=precision), ops)
    assert low < float((masks > 0.5).sum()) / hull.sum() / 30 < high
    assert masks.amin(dim=(1, 2, 3)).tolist() == [0.0] * 30
    assert masks.amax(dim=(1, 2, 3)).tolist() == [1.0] * 30


def test_masks_of_a_small_crop_equal_scaled_masks_of_a_large_one() -> None:
    small, large = (masks_of("face", size, range(4), PARAMS)[1] for size in (192, 384))
    for one, other in zip(small[:, 0].numpy(), large[:, 0].numpy(), strict=True):
        assert np.abs(cv2.resize(other, (192, 192), interpolation=cv2.INTER_AREA) - one).mean() < 0.01


def test_hull_variants_cover_the_documented_regions() -> None:
    landmarks = face_landmarks(384).numpy()
    areas = {hull: draw_polygons([hull_polygons(landmarks, hull)], 384, 384, CPU)[0, 0].numpy() > 0 for hull in HULLS}
    top = {hull: int(np.flatnonzero(area.any(axis=1))[0]) for hull, area in areas.items()}
    assert top["extended"] < top["face"] - 10, "the extended hull reaches into the forehead"
    assert (areas["face"] <= areas["extended"]).all()
    assert (areas["components"] <= areas["face"]).all()
    for area in areas.values():
        assert cv2.connectedComponents(area.astype(np.uint8))[0] == 2
        assert cv2.connectedComponents((~area).astype(np.uint8), connectivity=4)[0] == 2, "no hole"


@pytest.mark.parametrize("hull", HULLS)
def test_a_pixel_is_drawn_if_its_centre_is_in_a_polygon(hull: Hull) -> None:
    polygons = hull_polygons(face_landmarks(96).numpy() * np.float32(1.2) - np.float32(20), hull)
    drawn = draw_polygons([polygons, polygons[:1]], 96, 80, CPU)[:, 0].numpy()
    for count, picture in zip((len(polygons), 1), drawn, strict=True):
        for row in range(0, 96, 5):
            for column in range(80):
                depth = max(cv2.pointPolygonTest(polygon, (float(column), float(row)), True) for polygon in polygons[:count])
                assert picture[row, column] == (depth >= 0) or abs(depth) < 1e-3


def test_elastic_deformation_is_about_one_pixel_and_has_no_outliers() -> None:
    shifts = elastic_shifts(Rng(np.arange(16)), 384, 384, PARAMS, CPU)
    # alpha sqrt(1/3) / (2 sigma sqrt(pi)) = 1.16 px for white noise smoothed by a Gaussian
    assert 1.0 < float(shifts.std()) < 1.35
    assert float(shifts.abs().max()) < 9
    assert float(shifts.mean().abs()) < 0.05
    assert torch.allclose(elastic_shifts(Rng(np.arange(16)), 192, 192, PARAMS, CPU), shifts / 2)


def landmarks_with(change: str) -> torch.Tensor:
    landmarks = face_landmarks(128)[None].clone()
    match change:
        case "nan":
            landmarks[0, 3, 0] = torch.nan
        case "infinite":
            landmarks[0, 60, 1] = -torch.inf
        case "one point":
            landmarks[:] = 64
        case "signed zeros":
            landmarks = landmarks * 1e-150 * torch.where(torch.arange(68) % 2 == 0, 1, -1)[:, None]
        case "a line":
            landmarks[..., 1] = 64
        case "tiny":
            landmarks = landmarks * 0.05 + 60
        case "outside":
            landmarks[..., 0] += 90
        case "huge":
            landmarks *= 1e30
        case "thin":
            landmarks[..., 0] = 64 + 0.2 * (landmarks[..., 0] - 64)
    return landmarks


@pytest.mark.parametrize("change", ["nan", "infinite", "one point", "signed zeros", "a line", "tiny", "outside", "huge", "thin"])
def test_bad_landmarks_give_the_image_as_real_and_fake_with_an_empty_mask_and_ok_false(change: str) -> None:
    image = face_image(128)[None]
    blend = self_blend(image, landmarks_with(change), torch.Generator().manual_seed(1))
    assert not blend.ok.any()
    assert blend.ratio.tolist() == [1]
    assert torch.equal(blend.fake, image)
    assert torch.equal(blend.real, image)
    assert not blend.mask.any()
    assert not blend.boundary.any()


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**31), spread=st.floats(0, 150), x=st.floats(-50, 200), y=st.floats(-50, 200),
    precision=st.sampled_from(["uint8", "float"]), ops=st.sampled_from([opencv, tensors]),
    size=st.sampled_from([(64, 64), (97, 131), (160, 160)]),
)  # fmt: skip
def test_any_landmarks_give_a_blend_or_a_refusal(
    seed: int, spread: float, x: float, y: float, precision: str, ops: ImageOps, size: tuple[int, int]
) -> None:
    draws = np.random.default_rng(seed)
    landmarks = (draws.uniform(-1, 1, (1, 68, 2)) * spread + (x, y)).astype(np.float32)
    image = torch.from_numpy(draws.integers(0, 256, (1, 3, *size), np.uint8))
    blend = make_self_blends(image, landmarks, Rng(np.array([seed])), params_with(mask_precision=precision), ops)
    assert 0 <= blend.mask.min() <= blend.mask.max() <= 1
    outside = (blend.mask == 0).expand_as(image)
    assert torch.equal(blend.fake[outside], blend.real[outside])
    assert bool(blend.ok) == bool(blend.mask.any())
    if not blend.ok:
        assert torch.equal(blend.fake, image)


def test_a_face_slightly_over_the_edge_is_usable_and_one_half_outside_is_not() -> None:
    landmarks = face_landmarks(128).numpy()
    assert usable(landmarks + np.float32(25), 128, 128)
    assert not usable(landmarks + np.array([75, 0], np.float32), 128, 128)


@pytest.mark.parametrize(
    ("images", "landmarks"),
    [
        (torch.zeros(2, 3, 32, 32), torch.zeros(2, 68, 2)),
        (torch.zeros(3, 32, 32, dtype=torch.uint8), torch.zeros(1, 68, 2)),
        (torch.zeros(0, 3, 32, 32, dtype=torch.uint8), torch.zeros(0, 68, 2)),
        (torch.zeros(2, 3, 32, 32, dtype=torch.uint8), torch.zeros(2, 5, 2)),
        (torch.zeros(2, 3, 32, 32, dtype=torch.uint8), torch.zeros(1, 68, 2)),
    ],
)
def test_wrong_shapes_are_one_clear_sentence(images: torch.Tensor, landmarks: torch.Tensor) -> None:
    with pytest.raises(LaanetError, match=r"^(images|landmarks): .*give .*\.$"):
        self_blend(images, landmarks, torch.Generator())


@pytest.mark.parametrize("recipe", ["paper", "official"])
def test_contact_sheet_shows_seven_columns_and_an_empty_row_for_a_refusal(recipe: Recipe) -> None:
    images = torch.stack([face_image(128, item) for item in range(3)])
    landmarks = face_landmarks(128).repeat(3, 1, 1)
    landmarks[2] = torch.nan
    blend = self_blend(images, landmarks, torch.Generator().manual_seed(1))
    sheet = contact_sheet(blend, encode_targets(blend.mask, 32, recipe, ratio=blend.ratio), 60)
    assert sheet.dtype == np.uint8
    assert sheet.shape == (24 + 3 * 64, len(COLUMNS) * 64, 3)
    tiles = sheet[24:].reshape(3, 64, len(COLUMNS), 64, 3)[:, :60, :, :60].transpose(0, 2, 1, 3, 4)
    assert np.array_equal(tiles[2, 0], tiles[2, 1]), "fake equals real"
    assert not tiles[2, [2, 3, 5]].any()
    assert all(tile.any() for row in tiles[:2] for tile in row)


def test_real_portraits_blend_with_subtle_seams(shared: Path) -> None:
    portraits = sorted((shared / "data/train_real_faces").glob("ffhq512_*.jpg"))[:8]
    pictures = [cv2.cvtColor(cv2.resize(cv2.imread(str(path)), (384, 384)), cv2.COLOR_BGR2RGB) for path in portraits]
    images = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
    blend = self_blend(images, face_landmarks(384).expand(8, 68, 2), torch.Generator().manual_seed(1))
    assert blend.ok.all()
    inside = (blend.mask > 0).expand_as(blend.fake)
    difference = (blend.fake[inside].float() - blend.real[inside].float()).abs()
    assert 1 < difference.mean() < 40
