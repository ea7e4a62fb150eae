"""Shares, ranges and independence of random choices, measured on thousands of small pseudo-fakes."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from laanet_core.params import AugmentParams, Hull, SynthesisParams
from laanet_core.synthesis import Blend, augment
from laanet_core.synthesis.augment import draw_geometry
from laanet_core.synthesis.hulls import draw_polygons, hull_polygons
from laanet_core.synthesis.masks import draw_bi_softening, draw_sbi_softening
from laanet_core.synthesis.ops import opencv
from laanet_core.synthesis.rng import Rng
from laanet_core.synthesis.sbi import change_colours, make_self_blends
from laanet_core.training.loader import FaceSamples, Samples
from laanet_core.training.pairs import make_pairs
from tests.helpers.drawn_face import face_image, face_landmarks
from tests.helpers.training_set import params_of
from tests.unit.synthesis.test_bi import blend_faces, within_chance

pytestmark = pytest.mark.slow

COUNT, SIZE = 2000, 64
HULLS: tuple[Hull, ...] = ("full", "extended", "components", "face")
NO_COLOURS = {"rgb_shift": 0, "hue": 0, "saturation": 0, "brightness": 0, "contrast": 0, "pixelate_probability": 1, "pixelate": [1]}
AT_REST = {"shift_x": 0, "shift_y": 0, "scale": 1}
NO_STEPS = dict.fromkeys(("flip", "crop", "scale", "erase", "colour", "noise", "blur", "jpeg"), 0.0)
CPU = torch.device("cpu")
Numbers = NDArray[np.float64]


def draws_of(count: int = COUNT) -> Rng:
    return Rng(np.arange(count))


def landmarks_of(count: int, size: int = SIZE) -> Tensor:
    return face_landmarks(size).expand(count, 68, 2)


@lru_cache(maxsize=2)
def images_of(count: int = COUNT, size: int = SIZE) -> Tensor:
    return torch.stack([face_image(size, item) for item in range(count)])


def self_blends(images: Tensor, sbi: dict[str, Any] | None = None, **changes: Any) -> Blend:
    params = SynthesisParams.model_validate({"sbi": sbi or {}, **changes})
    points = landmarks_of(len(images), images.shape[-1]).numpy()
    return make_self_blends(images, points, draws_of(len(images)), params)


@pytest.fixture(scope="module")
def published() -> Blend:
    """Self-blended images with the paper's parameters."""
    return self_blends(images_of())


def recoloured(image: Tensor, **sbi: Any) -> Tensor:
    """One image under COUNT random colour changes, of which only the given ones are active: int (COUNT, 3, H, W)."""
    params = SynthesisParams.model_validate({"sbi": {**NO_COLOURS, **sbi}}).sbi
    images = image.to(torch.uint8).expand(COUNT, *image.shape).contiguous(memory_format=torch.channels_last)
    return change_colours(images, draws_of(), params, opencv).int()


def flat(*colour: int) -> Tensor:
    return torch.tensor(colour)[:, None, None].expand(3, 8, 8)


def assert_uniform(values: Numbers, low: float, high: float, error: float) -> None:
    """Assert that values, measured with up to this error, are uniformly distributed from low to high."""
    values, error = (values - low) / (high - low), error / (high - low)
    assert -error <= values.min() < values.max() <= 1 + error
    for share in (0.02, 0.5, 0.98):
        assert abs(np.quantile(values, share) - share) < 4 * np.sqrt(share * (1 - share) / len(values)) + error / 3
    ranks = (np.arange(len(values)) + 0.5) / len(values)
    assert np.abs(np.sort(values) - ranks).max() < 2.2 / np.sqrt(len(values)) + error, (
        "Kolmogorov-Smirnov test, exceeded by one sample in 8000"
    )


def test_each_variant_of_the_hull_is_drawn_in_a_quarter_of_the_cases() -> None:
    face = face_landmarks(SIZE).numpy()
    face[[0, 16], 0] += (0.15 * SIZE, -0.15 * SIZE)  # narrow temples, so that the full hull differs from that of all points
    shapes = torch.cat([draw_polygons([hull_polygons(face, hull)], SIZE, SIZE, CPU) for hull in HULLS])[:, 0] > 0
    sbi = {**AT_REST, "mask_kernel": [3, 3], "mask_scale": [1, 1], "blend_ratios": [1]}
    params = SynthesisParams.model_validate({"sbi": sbi, "elastic_alpha": 0, "feather_kernel": [3, 3]})
    masks = make_self_blends(images_of(), np.tile(face, (COUNT, 1, 1)), draws_of(), params).mask > 0.5
    differing = (masks ^ shapes).flatten(2).sum(dim=2)
    assert differing.amin(dim=1).max() <= 12, "every mask is one of the four, which differ by 20 pixels or more"
    for count in differing.argmin(dim=1).bincount(minlength=4).tolist():
        assert within_chance(count, COUNT, 1 / 4)


def test_the_source_is_changed_in_half_of_the_cases_and_the_target_in_the_others(published: Blend) -> None:
    untouched = (published.real == images_of()).flatten(1).all(dim=1)
    assert within_chance(int(untouched.sum()), COUNT, 0.5)


def test_ratios_are_1_in_half_of_the_cases_and_scale_the_mask(published: Blend) -> None:
    for ratio, share in ((0.25, 1 / 6), (0.5, 1 / 6), (0.75, 1 / 6), (1.0, 1 / 2)):
        assert within_chance(int((published.ratio == ratio).sum()), COUNT, share)
    assert torch.equal(published.mask.amax(dim=(1, 2, 3)), published.ratio)
    assert (published.mask.amin(dim=(1, 2, 3)) == 0).all()
    assert published.ok.all()


def test_random_choices_of_one_face_are_independent(published: Blend) -> None:
    area = (published.mask / published.ratio[:, None, None, None]).mean(dim=(1, 2, 3))
    rows = torch.arange(SIZE)[:, None]
    height = (published.mask * rows).sum(dim=(1, 2, 3)) / published.mask.sum(dim=(1, 2, 3))
    untouched = (published.real == images_of()).flatten(1).all(dim=1)
    geometry = torch.from_numpy(draw_geometry(draws_of(), SIZE, SIZE, AugmentParams()))
    choices = torch.stack([area, published.ratio, untouched.float(), geometry[:, 0, 0].float(), geometry[:, 0, 2].float(), height])
    correlation = torch.corrcoef(choices).fill_diagonal_(0)
    # a flip and its offset, and the area and position of a hull, are related
    correlation[3, 4] = correlation[4, 3] = correlation[0, 5] = correlation[5, 0] = 0
    assert correlation.abs().max() < 0.1
    assert torch.corrcoef(torch.stack([published.ratio[:-1], published.ratio[1:]]))[0, 1].abs() < 0.1, "two faces are independent, too"


def test_source_and_mask_move_by_the_published_shifts_and_scales() -> None:
    """Images encode their coordinates with two levels per pixel, so that fakes show the origin of each of their pixels."""
    rows, columns = torch.meshgrid(torch.arange(128), torch.arange(128), indexing="ij")
    image = torch.stack([2 * columns, 2 * rows, 2 * rows]).to(torch.uint8).expand(600, 3, 128, 128)
    blend = self_blends(image, {**NO_COLOURS, "blend_ratios": [1]}, hulls=["face"], elastic_alpha=0)
    weight = (blend.mask > 0.999).double()
    total = weight.sum(dim=(2, 3))
    scales, shifts = [], []
    for channel, coordinates in ((0, columns), (1, rows)):
        x, y = coordinates - 63.5, blend.fake[:, channel : channel + 1].double() / 2 - 63.5
        mean_x, mean_y, xy, xx = ((weight * value).sum(dim=(2, 3)) / total for value in (x, y, x * y, x * x))
        slope = (xy - mean_x * mean_y) / (xx - mean_x**2)
        scales.append((1 / slope)[:, 0].numpy())
        shifts.append((mean_x - mean_y / slope)[:, 0].numpy() / 128)
    assert np.abs(scales[0] - scales[1]).max() < 0.02
    assert_uniform(np.mean(scales, axis=0), 0.95, 1 / 0.95, 0.007)
    assert_uniform(shifts[0], -0.03, 0.03, 0.002)
    assert_uniform(shifts[1], -0.015, 0.015, 0.002)
    assert np.abs(np.corrcoef([scales[0], *shifts]) - np.eye(3)).max() < 0.17
    centre = (blend.mask * columns).sum(dim=(1, 2, 3)) / blend.mask.sum(dim=(1, 2, 3))
    assert np.corrcoef(centre.numpy(), shifts[0])[0, 1] > 0.98, "the mask moves with the source"


def test_channels_shift_by_up_to_20_levels_in_30_percent_of_the_cases() -> None:
    shift = recoloured(flat(120, 120, 120), rgb_shift=20)[:, :, 0, 0].numpy() - 120
    shifted = shift.any(axis=1)
    assert within_chance(int(shifted.sum()), COUNT, 0.3)
    for channel in shift[shifted].T.astype(float):
        assert_uniform(channel, -20, 20, 0.5)
    assert np.abs(np.corrcoef(shift[shifted].T) - np.eye(3)).max() < 0.2


def test_brightness_and_contrast_fill_their_ranges_independently() -> None:
    dark_and_light = torch.tensor([60, 180])[:, None].expand(3, 2, 8)
    dark, light = recoloured(dark_and_light, brightness=0.1, contrast=0.1)[:, 0, :, 0].double().T
    contrast = (light - dark) / 120 - 1
    brightness = (dark - 60 * (1 + contrast)) / 255
    assert_uniform(contrast.numpy(), -0.1, 0.1, 0.009)
    assert_uniform(brightness.numpy(), -0.1, 0.1, 0.004)
    assert torch.corrcoef(torch.stack([brightness, contrast]))[0, 1].abs() < 0.1


def test_saturation_and_hue_fill_their_ranges_independently_and_keep_luma() -> None:
    """A hue of 20 is used instead of the published 0.3 steps of two degrees, which change less than one grey level."""
    before, after = flat(150, 110, 90)[:, 0, 0].double(), recoloured(flat(150, 110, 90), saturation=0.3, hue=20)[..., 0, 0].double()
    luma = torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64)
    assert ((after - before) @ luma).abs().max() < 1
    chroma = torch.tensor([[0.596, -0.274, -0.322], [0.211, -0.523, 0.312]], dtype=torch.float64)
    (x, y), (i, q) = chroma @ before, chroma @ after.T
    saturation = torch.hypot(i, q) / torch.hypot(x, y) - 1
    hue = torch.rad2deg(torch.atan2(x * q - y * i, x * i + y * q))
    assert_uniform(saturation.numpy(), -0.3, 0.3, 0.03)
    assert_uniform(hue.numpy(), -40, 40, 2)
    assert torch.corrcoef(torch.stack([saturation, hue]))[0, 1].abs() < 0.1


def test_half_of_the_images_are_pixelated_by_2_or_4_and_the_others_sharpened() -> None:
    unit = SIZE / 384
    spots = torch.full((3, SIZE, SIZE), 60)
    for row, column in np.ndindex(2, 2):  # all centres of blocks of 4, and a quarter of the centres of blocks of 2
        spots[:, 1 + row :: 4, 1 + column :: 4] = 150
    changed = recoloured(spots, pixelate_probability=0.5, pixelate=[2 / unit, 4 / unit], sharpen=[0.2, 0.5])[:, 0]
    bright = (changed == 150).float().mean(dim=(1, 2))
    by_4, by_2 = (int((bright == share).sum()) for share in (1, 1 / 4))
    assert within_chance(by_4, COUNT, 1 / 4)
    assert within_chance(by_2, COUNT, 1 / 4)
    sharp = changed[bright == 0][:, 2, 2].double().numpy()
    assert len(sharp) == COUNT - by_2 - by_4
    assert_uniform((sharp - 150) / (150 - 100), 0.2, 0.5, 0.011)


@pytest.mark.parametrize("size", [96, 384])
def test_kernel_sizes_are_odd_and_fill_their_ranges_like_deviations_and_scales(size: int) -> None:
    params, unit = SynthesisParams(), size / 384
    smooth, edges = draw_sbi_softening(draws_of(), size, size, params), draw_bi_softening(draws_of(), size, size, params)
    kernels = ((smooth.edge_kernel, 5, 25), (smooth.feather_kernel, 5, 25), (edges.edge_kernel, 1, 21), (edges.feather_kernel, 5, 25))
    for drawn, low, high in kernels:
        assert (drawn % 2 == 1).all()
        if size == 384:
            assert sorted(set(drawn.tolist())) == list(range(low, high + 1, 2))
            assert all(within_chance(int((drawn == odd).sum()), COUNT, 2 / (high + 2 - low)) for odd in range(low, high + 1, 2))
        assert drawn.mean() == pytest.approx((low + high) / 2 * unit, rel=0.05, abs=0.4)
    assert_uniform(smooth.feather_sigma, 5 * unit, 45 * unit, 0)
    assert_uniform(edges.feather_sigma, 5 * unit, 45 * unit, 0)
    assert_uniform(smooth.sides[:, 0] / size, 0.8, 1.25, 0.6 / size)
    assert (smooth.sides[:, 0] == smooth.sides[:, 1]).all()
    assert (edges.sides == size).all()


@pytest.mark.parametrize(("precision", "low", "high"), [("uint8", 0.98, 1.01), ("float", 0.70, 0.92)])
@pytest.mark.parametrize("hull", HULLS)
def test_area_is_kept_with_8_bit_masks_and_shrinks_with_float_masks(hull: Hull, precision: str, low: float, high: float) -> None:
    polygons = hull_polygons(face_landmarks(384).numpy(), hull)
    hull_area = draw_polygons([polygons], 384, 384, CPU).sum()
    blend = self_blends(
        images_of(1, 384).expand(40, 3, 384, 384), {**AT_REST, "mask_precision": precision, "blend_ratios": [1]}, hulls=[hull]
    )
    assert low < float((blend.mask > 0.5).sum(dim=(1, 2, 3)).double().mean() / hull_area) < high


def test_boundary_is_largest_where_the_mask_is_nearest_to_one_half(published: Blend) -> None:
    for blend in (published, blend_faces(200, SIZE)):
        mask, boundary = blend.mask.flatten(1), blend.boundary.flatten(1)
        at = boundary.argmax(dim=1, keepdim=True)
        distance = (mask - 0.5).abs()
        assert torch.allclose(distance.gather(1, at)[:, 0], distance.amin(dim=1), atol=3e-4), "up to the rounding of B's maximum"
        assert torch.allclose(boundary.amax(dim=1), 1 - (2 * distance.amin(dim=1)) ** 2)
        assert (boundary[mask == 0] == 0).all()
        assert (boundary[mask == 1] == 0).all()


def test_colours_outside_the_mask_equal_the_real_image_and_inside_are_unbiased(published: Blend) -> None:
    untouched = (published.real == images_of()).flatten(1).all(dim=1)
    for blend, parts, limit in ((published, (untouched, ~untouched), 1.5), (blend_faces(1000, SIZE), (slice(None),), 0.5)):
        assert not ((blend.fake != blend.real) & (blend.mask == 0)).any(), "equal bytes"
        core = blend.mask > 0.99 * blend.ratio[:, None, None, None]
        change = (blend.fake.short() - blend.real) * core
        means = change.sum(dim=(2, 3)) / core.sum(dim=(2, 3)) / blend.ratio[:, None]
        assert all(means[part].mean(dim=0).abs().max() < limit for part in parts)


@pytest.mark.parametrize("name", NO_STEPS)
def test_each_augmentation_is_applied_with_its_probability(name: str) -> None:
    params = AugmentParams.model_validate(NO_STEPS | {name: AugmentParams.model_fields[name].default})
    image = torch.randint(0, 256, (1, 3, 32, 32), generator=torch.Generator().manual_seed(0), dtype=torch.uint8).expand(COUNT, 3, 32, 32)
    real, fake, *_ = augment(image, image, torch.zeros(COUNT, 1, 32, 32), landmarks_of(COUNT, 32), draws_of(), params)
    assert torch.equal(real, fake)
    changed = (real != image).flatten(1).any(dim=1)
    probability = {"flip": 0.5, "crop": 0.5, "scale": 0.5, "erase": 0.2, "colour": 0.3, "noise": 0.3, "blur": 0.2, "jpeg": 0.5}[name]
    assert within_chance(int(changed.sum()), COUNT, probability)


def test_crops_scales_and_flips_fill_their_ranges() -> None:
    always = {name: AugmentParams.model_validate(NO_STEPS | {name: 1}) for name in NO_STEPS}
    windows = draw_geometry(draws_of(), 48, 96, always["crop"])
    assert_uniform(1 / windows[:, 0, 0], 0.8, 1, 1e-9)
    assert_uniform(-windows[:, 0, 2] / (windows[:, 0, 0] - 1) / 95, 0, 1, 1e-9)
    assert_uniform(-windows[:, 1, 2] / (windows[:, 1, 1] - 1) / 47, 0, 1, 1e-9)
    assert_uniform(draw_geometry(draws_of(), 48, 96, always["scale"])[:, 1, 1], 0.9, 1.1, 1e-9)
    assert (draw_geometry(draws_of(), 48, 96, always["flip"]) == [[-1, 0, 95], [0, 1, 0]]).all()


def test_noise_erasing_and_jpeg_fill_their_ranges() -> None:
    def changed(name: str, image: Tensor, count: int) -> Tensor:
        params, size, images = AugmentParams.model_validate(NO_STEPS | {name: 1}), image.shape[-1], image.expand(count, -1, -1, -1)
        return augment(images, images, torch.zeros(count, 1, size, size), landmarks_of(count, size), draws_of(count), params).real

    grey, black = torch.full((3, 32, 32), 128, dtype=torch.uint8), torch.zeros(3, 100, 100, dtype=torch.uint8)
    assert_uniform(changed("noise", grey, COUNT).float().std(dim=(1, 2, 3)).double().numpy(), 1, 12, 0.5)
    hidden = (changed("erase", black, COUNT) > 0).any(dim=1)
    assert_uniform(hidden.any(dim=2).sum(dim=1).numpy() / 100, 0.1, 0.3, 0.006)
    assert_uniform(hidden.any(dim=1).sum(dim=1).numpy() / 100, 0.1, 0.3, 0.006)
    texture = torch.randint(0, 256, (3, 48, 48), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    levels = opencv.compress(texture.expand(101, 3, 48, 48), np.arange(101).clip(1))
    found = [[quality for quality in range(1, 101) if torch.equal(one, levels[quality])] for one in changed("jpeg", texture, 500)]
    assert all(len(same) == 1 for same in found)
    assert_uniform(np.array([same[0] for same in found], float), 40, 95, 0.5)


@pytest.mark.parametrize("augmented", [False, True])
@pytest.mark.parametrize("method", ["sbi", "bi"])
def test_half_of_a_batch_is_real_and_the_other_half_their_fakes(method: str, augmented: bool) -> None:
    params = params_of()
    params = params.model_copy(update={"synthesis": SynthesisParams.model_validate({"method": method})})
    images, marks, names = images_of()[:200], landmarks_of(200).contiguous(), [str(item) for item in range(200)]
    partners = FaceSamples(images.flip(0), marks, names[::-1]) if method == "bi" else None
    batch = make_pairs(Samples(FaceSamples(images, marks, names), torch.arange(200), partners), params, augmented=augmented)
    assert batch.targets.label.tolist() == [0] * 200 + [1] * 200
    assert (batch.targets.of_heads["heatmap"].flatten(1).amax(dim=1) > 0).tolist() == [False] * 200 + [True] * 200
    real, fake = batch.images.chunk(2)
    assert (real != fake).flatten(1).any(dim=1).all()
    marks[::4] = torch.nan
    batch = make_pairs(Samples(FaceSamples(images, marks, names), torch.arange(200), partners), params, augmented=augmented)
    assert batch.targets.label.tolist() == [0] * 200 + [0, 1, 1, 1] * 50, "without a blend, both images of a pair are real"
    real, fake = batch.images.chunk(2)
    assert torch.equal(real[::4], fake[::4])
