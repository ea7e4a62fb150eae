"""Vulnerable points, radius, heat map and consistency of both recipes against independent computations."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from laanet_core.errors import LaanetError
from laanet_core.params import Recipe
from laanet_core.synthesis import encode_targets, self_blend
from laanet_core.synthesis.targets.encode import consistency
from laanet_core.synthesis.targets.gaussians import gaussian_radius, inside_radius, outside_radius, shifted_radius
from laanet_core.synthesis.targets.recipes import all_maxima, boundary_extent, quadrant_maxima, region_extent
from tests.helpers.drawn_face import face_image, face_landmarks


def cone(size: int, ratio: float = 1.0) -> torch.Tensor:
    """A round mask (1, 1, size, size), 1 in the middle and falling to 0 outwards, times a blend ratio."""
    grid = torch.arange(size) - (size - 1) / 2
    distance = (grid[:, None] ** 2 + grid**2).sqrt()
    return ratio * ((0.4 * size - distance) / (0.2 * size)).clamp(0, 1)[None, None]


def masks_with_half(size: int, places: list[tuple[int, int]]) -> torch.Tensor:
    """A mask (1, 1, size, size) of 0, with M = 1/2 and therefore B = 1 at the given pixels."""
    mask = torch.zeros(1, 1, size, size)
    for row, column in places:
        mask[0, 0, row, column] = 0.5
    return mask


def numbers(count: int, seed: int = 0) -> torch.Tensor:
    """Numbers (count,) in [0, 1) that select anchors."""
    return torch.rand(count, generator=torch.Generator().manual_seed(seed))


def overlap(first: list[float], second: list[float]) -> float:
    """IoU of two boxes (x0, y0, x1, y1)."""
    wide = max(0.0, min(first[2], second[2]) - max(first[0], second[0]))
    high = max(0.0, min(first[3], second[3]) - max(first[1], second[1]))
    area = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    return wide * high / (area[0] + area[1] - wide * high)


def least_overlap(width: float, height: float, radius: float) -> float:
    """Smallest IoU with a box over all boxes whose corners are within `radius` of its corners, on a grid of displacements."""
    steps = np.linspace(-radius, radius, 7)
    box = [0.0, 0.0, width, height]
    moved = ([a, b, width + c, height + d] for a in steps for b in steps for c in steps for d in steps)
    return min(overlap(box, other) for other in moved)


RECIPES: tuple[Recipe, Recipe] = ("paper", "official")
SIDES = [(1, 1), (10, 10), (40, 60), (3, 50), (90, 7)]


@pytest.mark.parametrize("iou", [0.5, 0.7, 0.9])
@pytest.mark.parametrize(("width", "height"), SIDES)
@pytest.mark.parametrize(
    ("case", "first", "second"),
    [(shifted_radius, 1, 1), (inside_radius, 1, -1), (outside_radius, -1, 1)],
    ids=["shifted", "inside", "outside"],
)
def test_radius_of_each_case_is_where_the_overlap_of_the_displaced_box_falls_to_the_threshold(
    case: Callable[..., torch.Tensor], first: int, second: int, width: float, height: float, iou: float
) -> None:
    """first, second: direction in which the case moves the upper left and the lower right corner."""
    radius = float(case(torch.tensor(width).double(), torch.tensor(height).double(), iou))

    def displaced(by: float) -> float:
        return overlap([0, 0, width, height], [first * by, first * by, width + second * by, height + second * by])

    assert displaced(radius) == pytest.approx(iou, abs=1e-9)
    assert gaussian_radius(torch.tensor(width), torch.tensor(height), iou) <= radius * (1 + 1e-6), "the smallest of the three"
    assert all(displaced(part * radius) > iou for part in np.linspace(0, 0.999, 50)), "it is the smallest such displacement"


@pytest.mark.parametrize("iou", [0.5, 0.7, 0.9])
@pytest.mark.parametrize(("width", "height"), SIDES)
def test_radius_is_the_largest_that_keeps_the_overlap_by_brute_force(width: float, height: float, iou: float) -> None:
    radius = float(gaussian_radius(torch.tensor(float(width)), torch.tensor(float(height)), iou))
    assert least_overlap(width, height, radius) == pytest.approx(iou, abs=1e-4)
    assert least_overlap(width, height, 1.02 * radius) < iou


@pytest.mark.parametrize("size", [40, 96])
def test_heatmap_equals_the_sum_of_gaussians_computed_by_loops(size: int) -> None:
    mask = cone(size)
    targets = encode_targets(mask, size)
    values = mask[0, 0].double().numpy()
    expected = np.zeros((size, size))
    for row, column in targets.points[0].tolist():
        width, height = 1, 1
        for step in (-1, 1):
            across, down = column + step, row + step
            while values[row, across] > 1 / 255:
                width, across = width + 1, across + step
            while values[down, column] > 1 / 255:
                height, down = height + 1, down + step
        sigma = float(gaussian_radius(torch.tensor(float(width)), torch.tensor(float(height)), 0.7)) / 3
        for i in range(size):
            for j in range(size):
                expected[i, j] += math.exp(-((i - row) ** 2 + (j - column) ** 2) / (2 * sigma**2))
    assert np.abs(targets.heatmap[0, 0].numpy() - expected.clip(max=1)).max() < 1e-5
    assert all(targets.heatmap[0, 0][tuple(point)] == 1 for point in targets.points[0])


def test_points_are_all_the_arg_max_of_the_boundary() -> None:
    values = torch.zeros(1, 1, 8, 8)
    values[0, 0, 1:6, 1:6] = 0.2
    values[0, 0, [2, 4, 5], [3, 1, 5]] = torch.tensor([0.5, 0.5, 0.45])
    assert encode_targets(values, 8).points[0].tolist() == [[2, 3], [4, 1]]


def test_points_on_both_sides_of_one_half_are_the_same_maximum() -> None:
    values = torch.zeros(1, 8, 8)
    values[0, 3, 3], values[0, 5, 5], values[0, 6, 6] = 4 * 0.4 * 0.6, 4 * 0.6 * 0.4, 4 * 0.39 * 0.61
    assert all_maxima(values)[0].nonzero().tolist() == [[3, 3], [5, 5]]


@pytest.mark.parametrize("ratio", [0.25, 0.5])
def test_with_a_ratio_of_one_half_or_less_the_complete_inside_is_vulnerable(ratio: float) -> None:
    mask = cone(48, ratio)
    targets = encode_targets(mask, 48)
    inside = mask[0, 0] == ratio
    found = torch.zeros(48, 48, dtype=torch.bool)
    found[tuple(targets.points[0].T)] = True
    assert torch.equal(found & inside, inside)
    assert torch.equal(targets.heatmap[0, 0][inside], torch.ones(int(inside.sum())))


def test_extent_counts_the_blended_pixels_along_row_and_column() -> None:
    mask = torch.zeros(1, 6, 7)
    mask[0, 2, 1:5] = 0.5
    mask[0, 1:6, 3] = 1.0
    mask[0, 2, 6] = 0.9
    width, height = region_extent(mask, torch.zeros_like(mask))
    extent = torch.stack([width, height], dim=-1)[0]
    assert extent[2, 3].tolist() == [4, 5]
    assert extent[2, 6].tolist() == [1, 1]
    assert extent[5, 3].tolist() == [1, 5]


def test_consistency_follows_equation_7_at_the_drawn_anchor() -> None:
    boundary = torch.rand(3, 9, 9, generator=torch.Generator().manual_seed(0))
    anchor = torch.tensor([[0, 0], [4, 7], [8, 2]])
    matrix = consistency(boundary, anchor)
    for image, (row, column) in enumerate(anchor.tolist()):
        expected = 1 - np.abs(float(boundary[image, row, column]) - boundary[image].numpy())
        assert np.allclose(matrix[image].numpy(), expected, atol=1e-6)
        assert matrix[image, row, column] == 1


def test_targets_consistency_is_the_boundary_of_the_resized_mask_around_its_maximum() -> None:
    mask = cone(96)
    small = mask.reshape(24, 4, 24, 4).mean(dim=(1, 3))
    boundary = 4 * small * (1 - small)
    targets = encode_targets(mask, 24, draws=numbers(len(mask)))
    assert torch.allclose(targets.consistency[0, 0], 1 - (boundary.max() - boundary), atol=1e-4)


def test_real_image_has_no_points_heat_map_0_and_consistency_1() -> None:
    targets = encode_targets(torch.cat([torch.zeros(1, 1, 64, 64), cone(64)]), 16, draws=numbers(2))
    assert targets.points[0].shape == (0, 2)
    assert not targets.heatmap[0].any()
    assert (targets.consistency[0] == 1).all()
    assert targets.heatmap[1].max() == 1


def test_anchor_is_drawn_uniformly_among_the_points() -> None:
    values = torch.zeros(600, 1, 6, 6)
    values[:, 0, [1, 3, 4], [2, 5, 0]] = 0.5
    targets = encode_targets(values, 6, draws=numbers(len(values)))
    found, counts = torch.unique(targets.anchor, dim=0, return_counts=True)
    assert found.tolist() == [[1, 2], [3, 5], [4, 0]]
    assert counts.min() > 150
    again = encode_targets(values, 6, draws=numbers(len(values)))
    assert torch.equal(targets.anchor, again.anchor)
    assert encode_targets(values, 6).anchor[0].tolist() == [1, 2]


def test_anchor_of_a_real_image_is_any_pixel() -> None:
    anchors = encode_targets(torch.zeros(400, 1, 4, 4), 4, draws=numbers(400)).anchor
    assert len(torch.unique(anchors, dim=0)) == 16


@pytest.mark.parametrize("recipe", RECIPES)
def test_targets_of_a_batch_equal_those_of_each_mask_alone(recipe: Recipe) -> None:
    ratio = torch.tensor([0.25, 1.0, 0.75, 1.0, 0.5])
    masks = torch.cat([cone(64, value) for value in ratio.tolist()])
    masks[1], masks[2, ..., 20:] = 0, 0
    together = encode_targets(masks, 16, recipe, ratio=ratio)
    for item, mask in enumerate(masks):
        alone = encode_targets(mask[None], 16, recipe, ratio=ratio[item, None])
        assert torch.allclose(together.heatmap[item], alone.heatmap[0], rtol=0, atol=1e-6)
        assert torch.equal(together.heatmap[item] == 1, alone.heatmap[0] == 1)
        assert torch.equal(together.anchor[item], alone.anchor[0])
        assert torch.equal(together.consistency[item], alone.consistency[0])
        assert torch.equal(together.points[item], alone.points[0])


@pytest.mark.parametrize("recipe", RECIPES)
def test_targets_of_pseudo_fakes_are_finite_and_in_range(recipe: Recipe) -> None:
    images, landmarks = face_image(160).expand(24, 3, 160, 160), face_landmarks(160).expand(24, 68, 2)
    blend = self_blend(images, landmarks, torch.Generator().manual_seed(0))
    targets = encode_targets(blend.mask, 40, recipe, numbers(24), ratio=blend.ratio)
    for values in (targets.heatmap, targets.consistency):
        assert values.shape == (24, 1, 40, 40)
        assert values.isfinite().all()
        assert 0 <= values.min() <= values.max() <= 1
    assert (targets.heatmap.amax(dim=(1, 2, 3)) == 1).all()


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("level", [1e-6, 1e-3, 2e-3, 0.999, 1.0])
def test_masks_without_a_visible_blend_give_finite_targets(level: float, recipe: Recipe) -> None:
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 8:24, 8:24] = level
    targets = encode_targets(mask, 32, recipe)
    assert targets.heatmap.isfinite().all()
    assert targets.consistency.isfinite().all()


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_batch_of_real_images_has_no_points_and_heat_map_0(recipe: Recipe) -> None:
    targets = encode_targets(torch.zeros(2, 1, 16, 16), 8, recipe)
    assert [points.shape for points in targets.points] == [(0, 2), (0, 2)]
    assert targets.heatmap.shape == (2, 1, 8, 8)
    assert not targets.heatmap.any()


def test_points_of_the_paper_are_all_maxima_and_official_ones_the_maximum_of_each_quadrant() -> None:
    mask = masks_with_half(8, [(1, 1), (2, 3), (1, 6)])
    mask[0, 0, 5, 2], mask[0, 0, 6, 0], mask[0, 0, 7, 7] = 0.3, 0.2, 0.1
    assert encode_targets(mask, 8, "paper").points[0].tolist() == [[1, 1], [1, 6], [2, 3]]
    assert encode_targets(mask, 8, "official").points[0].tolist() == [[1, 1], [1, 6], [5, 2], [7, 7]]


def test_official_points_on_a_tie_are_the_first_in_row_major_order() -> None:
    mask = masks_with_half(6, [(2, 0), (1, 2), (1, 1), (3, 5), (4, 3)])
    assert encode_targets(mask, 6, "official").points[0].tolist() == [[1, 1], [3, 5]]


def test_a_quadrant_without_a_visible_boundary_has_no_official_point() -> None:
    boundary = torch.zeros(1, 4, 4)
    boundary[0, 0, 0], boundary[0, 0, 3], boundary[0, 3, 0] = 1.0, 1 / 255, 1.1 / 255
    assert quadrant_maxima(boundary)[0].nonzero().tolist() == [[0, 0], [3, 0]]


@pytest.mark.parametrize("size", [1, 2, 5, 8])
def test_each_pixel_belongs_to_one_quadrant_for_even_and_odd_sizes(size: int) -> None:
    for row in range(size):
        for column in range(size):
            boundary = torch.zeros(1, size, size)
            boundary[0, row, column] = 1
            assert torch.equal(quadrant_maxima(boundary), boundary > 0)
    lower = [place >= size // 2 for place in range(size)]
    quadrants = {(lower[row], lower[column]) for row in range(size) for column in range(size)}
    assert int(quadrant_maxima(torch.ones(1, size, size)).sum()) == len(quadrants)


def test_anchor_of_the_paper_is_drawn_and_the_official_one_is_the_first_arg_max_of_c() -> None:
    masks = masks_with_half(6, [(3, 5), (1, 2), (4, 0)]).expand(60, 1, 6, 6)
    drawn = encode_targets(masks, 6, "paper", numbers(len(masks))).anchor
    assert len(torch.unique(drawn, dim=0)) == 3
    targets = encode_targets(masks, 6, "official", numbers(len(masks)))
    assert targets.anchor.tolist() == [[1, 2]] * 60
    first = targets.consistency.flatten(1).argmax(dim=1)
    assert torch.equal(first, targets.anchor[:, 0] * 6 + targets.anchor[:, 1])


@pytest.mark.parametrize(("recipe", "value"), [("paper", 1), ("official", 0)])
def test_consistency_on_a_real_image_is_1_in_the_paper_and_0_officially(recipe: Recipe, value: int) -> None:
    targets = encode_targets(torch.cat([torch.zeros(1, 1, 24, 24), cone(24)]), 24, recipe)
    assert (targets.consistency[0] == value).all()
    row, column = targets.anchor[1]
    assert targets.consistency[1, 0, row, column] == 1
    assert 0 < targets.consistency[1].mean() < 1
    if recipe == "official":
        assert targets.anchor[0].tolist() == [0, 0], "the first arg-max of a C of zeros"


def test_gaussians_are_summed_and_clipped_in_the_paper_and_their_maximum_is_taken_officially() -> None:
    mask = torch.zeros(1, 1, 32, 32)
    mask[0, 0, 4:16, 4:28] = 0.3
    mask[0, 0, 15, [15, 16]] = 0.5
    paper, official = (encode_targets(mask, 32, recipe) for recipe in RECIPES)
    sigma = float(gaussian_radius(torch.tensor(24.0), torch.tensor(12.0), 0.7)) / 3
    rows, columns = np.mgrid[:32, :32]
    left, right = (np.exp(-((rows - 15) ** 2 + (columns - column) ** 2) / (2 * sigma**2)) for column in (15, 16))
    assert paper.points[0].tolist() == official.points[0].tolist() == [[15, 15], [15, 16]]
    assert np.abs(paper.heatmap[0, 0].numpy() - (left + right).clip(max=1)).max() < 1e-6
    assert np.abs(official.heatmap[0, 0].numpy() - np.maximum(left, right)).max() < 1e-6
    assert (paper.heatmap - official.heatmap).abs().max() > 0.001


def test_extent_of_the_paper_is_the_blended_region_and_the_official_one_the_run_of_boundary_above_one_half() -> None:
    mask = torch.zeros(1, 5, 9)
    mask[0, 2] = torch.tensor([0, 0.1, 0.2, 0.5, 0.8, 1, 1, 0.5, 0])
    mask[0, 3, 3] = 0.6
    boundary = 4 * mask * (1 - mask)
    region, official = (torch.stack(extent(mask, boundary), dim=-1)[0] for extent in (region_extent, boundary_extent))
    assert region[2, 3].tolist() == [7, 2]
    assert official[2, 3].tolist() == [3, 2]
    assert region[2, 7].tolist() == [7, 1]
    assert official[2, 7].tolist() == [1, 1]
    assert official[2, 1].tolist() == [1, 1], "0.36 is below one half"


@pytest.mark.parametrize("ratio", [0.25, 0.5, 0.75])
def test_m_includes_the_ratio_in_the_paper_and_officially_excludes_it(ratio: float) -> None:
    unscaled, scaled = cone(48), cone(48, ratio)
    ratios = torch.tensor([ratio])
    expected, found = encode_targets(unscaled, 24, "official"), encode_targets(scaled, 24, "official", ratio=ratios)
    assert torch.allclose(found.consistency, expected.consistency, atol=1e-5)
    assert torch.allclose(found.heatmap, expected.heatmap, atol=1e-5)
    paper = encode_targets(scaled, 24, "paper", ratio=ratios)
    assert torch.equal(paper.heatmap, encode_targets(scaled, 24, "paper").heatmap)
    assert not torch.allclose(paper.consistency, encode_targets(unscaled, 24, "paper").consistency, atol=0.01)


def test_official_mask_never_exceeds_1() -> None:
    targets = encode_targets(cone(16), 16, "official", ratio=torch.tensor([0.5]))
    assert targets.consistency.min() >= 0
    assert targets.heatmap.max() == 1


def official_targets(mask: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Official heat map and consistency of one mask (D, D) at its own size, by loops over pixels."""
    size, boundary = len(mask), 4 * mask * (1 - mask)
    heatmap = np.zeros_like(mask)
    best: dict[tuple[bool, bool], tuple[int, int]] = {}
    for row, column in np.ndindex(size, size):
        quadrant = (row >= size // 2, column >= size // 2)
        if boundary[row, column] > max(1 / 255, boundary[best[quadrant]] if quadrant in best else 0):
            best[quadrant] = (row, column)
    for row, column in best.values():
        width, height = run_through(boundary[row] > 0.5, column), run_through(boundary[:, column] > 0.5, row)
        sigma = float(gaussian_radius(torch.tensor(float(width)), torch.tensor(float(height)), 0.7)) / 3
        for i, j in np.ndindex(size, size):
            heatmap[i, j] = max(float(heatmap[i, j]), math.exp(-((i - row) ** 2 + (j - column) ** 2) / (2 * sigma**2)))
    return heatmap, 1 - abs(boundary.max() - boundary) if mask.any() else np.zeros_like(mask)


def run_through(inside: NDArray[np.bool_], place: int) -> int:
    """Length of the run of True values that contains index `place`; 1 if the value there is False."""
    first = last = place
    while inside[place] and first > 0 and inside[first - 1]:
        first -= 1
    while inside[place] and last + 1 < len(inside) and inside[last + 1]:
        last += 1
    return last - first + 1


@pytest.mark.parametrize("seed", range(4))
def test_official_targets_of_a_batch_equal_those_computed_pixel_by_pixel(seed: int) -> None:
    draws = np.random.default_rng(seed)
    coarse = draws.uniform(0.05, 0.95, (4, 6, 6)) * (draws.random((4, 6, 6)) < np.array([0, 0.5, 0.9, 1])[:, None, None])
    masks = (np.kron(coarse, np.ones((4, 4))) * draws.uniform(0.99, 1, (4, 24, 24))).astype(np.float32)
    targets = encode_targets(torch.from_numpy(masks)[:, None], 24, "official")
    for item, mask in enumerate(masks.astype(np.float64)):
        heatmap, matrix = official_targets(mask)
        assert np.abs(targets.heatmap[item, 0].numpy() - heatmap).max() < 1e-5
        assert np.abs(targets.consistency[item, 0].numpy() - matrix).max() < 1e-6


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**31), size=st.sampled_from([1, 7, 16]), recipe=st.sampled_from(RECIPES),
    kept=st.floats(0, 1), ratio=st.floats(0.01, 1),
)  # fmt: skip
def test_any_mask_gives_a_heat_map_in_0_1_that_is_1_at_the_points(seed: int, size: int, recipe: Recipe, kept: float, ratio: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    draws = torch.rand(2, 3, 1, 21, 21, generator=generator)
    masks = ratio * draws[0] * (draws[1] < kept)
    targets = encode_targets(masks, size, recipe, numbers(3, seed), ratio=torch.full((3,), ratio))
    assert 0 <= targets.heatmap.min() <= targets.heatmap.max() <= 1
    assert 0 <= targets.consistency.min() <= targets.consistency.max() <= 1
    for heatmap, points in zip(targets.heatmap[:, 0], targets.points, strict=True):
        assert (heatmap[points[:, 0], points[:, 1]] == 1).all()
        assert recipe == "paper" or int((heatmap == 1).sum()) == len(points) <= 4
        assert len(points) or not heatmap.any()
    assert 0 <= targets.anchor.min() <= targets.anchor.max() < size


@pytest.mark.parametrize(
    ("mask", "size", "recipe"),
    [
        (torch.zeros(2, 16, 16), 4, "paper"),
        (torch.zeros(2, 3, 16, 16), 4, "paper"),
        (torch.zeros(0, 1, 16, 16), 4, "paper"),
        (torch.zeros(1, 1, 16, 16), 0, "paper"),
        (torch.full((1, 1, 16, 16), 1.5), 4, "paper"),
        (torch.full((1, 1, 16, 16), torch.nan), 4, "paper"),
        (torch.zeros(1, 1, 16, 16), 4, "guess"),
    ],
)
def test_invalid_masks_are_one_clear_sentence(mask: torch.Tensor, size: int, recipe: str) -> None:
    with pytest.raises(LaanetError, match=r"^(mask|recipe): .*\.$"):
        encode_targets(mask, size, recipe)  # type: ignore[arg-type]


@pytest.mark.parametrize("ratio", [[1.0], [1.0, 0.0], [1.0, 1.5], [1.0, math.nan], [[1.0], [1.0]]])
def test_invalid_ratios_are_one_clear_sentence(ratio: list[float]) -> None:
    with pytest.raises(LaanetError, match=r"^ratio: \[.*\]; give .* of the 2 masks, in \(0, 1\]\.$"):
        encode_targets(torch.zeros(2, 1, 8, 8), 4, "official", ratio=torch.tensor(ratio))
