"""Vulnerable points, radius, heat map and consistency against independent computations."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from laanet_core.errors import LaanetError
from laanet_core.synthesis import encode_targets, self_blend
from laanet_core.synthesis.targets import consistency, gaussian_radius, region_extent, superpose_gaussians, vulnerable_points
from tests.drawn_face import face_image, face_landmarks


def cone(size: int, ratio: float = 1.0) -> torch.Tensor:
    """A round mask (1, 1, size, size), 1 in the middle and falling to 0 outwards, times a blend ratio."""
    grid = torch.arange(size) - (size - 1) / 2
    distance = (grid[:, None] ** 2 + grid**2).sqrt()
    return ratio * ((0.4 * size - distance) / (0.2 * size)).clamp(0, 1)[None, None]


def overlap(first: list[float], second: list[float]) -> float:
    """IoU of two boxes (x0, y0, x1, y1)."""
    wide = max(0.0, min(first[2], second[2]) - max(first[0], second[0]))
    high = max(0.0, min(first[3], second[3]) - max(first[1], second[1]))
    area = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    return wide * high / (area[0] + area[1] - wide * high)


def least_overlap(width: float, height: float, radius: float) -> float:
    """Least IoU with a box over all boxes whose corners lie within `radius` of its corners, on a grid of displacements."""
    steps = np.linspace(-radius, radius, 7)
    box = [0.0, 0.0, width, height]
    moved = ([a, b, width + c, height + d] for a in steps for b in steps for c in steps for d in steps)
    return min(overlap(box, other) for other in moved)


@pytest.mark.parametrize("iou", [0.5, 0.7, 0.9])
@pytest.mark.parametrize(("width", "height"), [(1, 1), (10, 10), (40, 60), (3, 50), (90, 7)])
def test_radius_is_the_largest_that_keeps_the_overlap_by_brute_force(width: float, height: float, iou: float) -> None:
    radius = float(gaussian_radius(torch.tensor(float(width)), torch.tensor(float(height)), iou))
    assert least_overlap(width, height, radius) == pytest.approx(iou, abs=1e-4)
    assert least_overlap(width, height, 1.02 * radius) < iou


@pytest.mark.parametrize("size", [40, 96])
def test_heatmap_equals_the_sum_of_gaussians_written_out(size: int) -> None:
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
    assert vulnerable_points(values)[0].nonzero().tolist() == [[3, 3], [5, 5]]


@pytest.mark.parametrize("ratio", [0.25, 0.5])
def test_with_a_ratio_of_one_half_or_less_the_whole_inside_is_vulnerable(ratio: float) -> None:
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
    width, height = region_extent(mask)
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
    targets = encode_targets(mask, 24, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(targets.consistency[0, 0], 1 - (boundary.max() - boundary), atol=1e-4)


def test_real_image_has_no_points_heat_map_0_and_consistency_1() -> None:
    targets = encode_targets(torch.cat([torch.zeros(1, 1, 64, 64), cone(64)]), 16, generator=torch.Generator().manual_seed(0))
    assert targets.points[0].shape == (0, 2)
    assert not targets.heatmap[0].any()
    assert (targets.consistency[0] == 1).all()
    assert targets.heatmap[1].max() == 1


def test_anchor_is_drawn_evenly_among_the_points() -> None:
    values = torch.zeros(600, 1, 6, 6)
    values[:, 0, [1, 3, 4], [2, 5, 0]] = 0.5
    targets = encode_targets(values, 6, generator=torch.Generator().manual_seed(0))
    found, counts = torch.unique(targets.anchor, dim=0, return_counts=True)
    assert found.tolist() == [[1, 2], [3, 5], [4, 0]]
    assert counts.min() > 150
    again = encode_targets(values, 6, generator=torch.Generator().manual_seed(0))
    assert torch.equal(targets.anchor, again.anchor)
    assert encode_targets(values, 6).anchor[0].tolist() == [1, 2]


def test_anchor_of_a_real_image_is_any_pixel() -> None:
    anchors = encode_targets(torch.zeros(400, 1, 4, 4), 4, generator=torch.Generator().manual_seed(0)).anchor
    assert len(torch.unique(anchors, dim=0)) == 16


def test_targets_of_a_batch_are_those_of_each_mask_alone() -> None:
    masks = torch.cat([cone(64, ratio) for ratio in (0.25, 0.75, 1.0)])
    together = encode_targets(masks, 16)
    for item, mask in enumerate(masks):
        alone = encode_targets(mask[None], 16)
        assert torch.equal(together.heatmap[item], alone.heatmap[0])
        assert torch.equal(together.consistency[item], alone.consistency[0])
        assert torch.equal(together.points[item], alone.points[0])


def test_targets_of_pseudo_fakes_are_finite_and_in_range() -> None:
    images, landmarks = face_image(160).expand(24, 3, 160, 160), face_landmarks(160).expand(24, 68, 2)
    blend = self_blend(images, landmarks, torch.Generator().manual_seed(0))
    targets = encode_targets(blend.mask, 40, generator=torch.Generator().manual_seed(0))
    for values in (targets.heatmap, targets.consistency):
        assert values.shape == (24, 1, 40, 40)
        assert values.isfinite().all()
        assert 0 <= values.min() <= values.max() <= 1
    assert (targets.heatmap.amax(dim=(1, 2, 3)) == 1).all()


@pytest.mark.parametrize("level", [1e-6, 1e-3, 2e-3, 0.999, 1.0])
def test_masks_without_a_visible_blend_give_finite_targets(level: float) -> None:
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 8:24, 8:24] = level
    targets = encode_targets(mask, 32)
    assert targets.heatmap.isfinite().all()


def test_gaussians_without_points_are_zero() -> None:
    assert not superpose_gaussians(torch.zeros(0, 2, dtype=torch.long), torch.zeros(0), 8).any()


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
def test_what_is_no_mask_is_one_clear_sentence(mask: torch.Tensor, size: int, recipe: str) -> None:
    with pytest.raises(LaanetError, match=r"^(mask|recipe): .*\.$"):
        encode_targets(mask, size, recipe)  # type: ignore[arg-type]
