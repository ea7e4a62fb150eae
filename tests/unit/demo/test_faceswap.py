"""A face swap shows the donor's face in the target's place, and leaves the rest of the frame unchanged."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from laanet_core.demo.cast import Method
from laanet_core.demo.faceswap import FaceImage, control_points, match_colours, swap_face, triangulate, warp_face
from laanet_core.demo.tracks import smooth_track, track_face
from laanet_core.types import Image
from tests.helpers.portraits import ASTRONAUT, ASTRONAUT_FILE, GRACE, GRACE_FILE, points, read_rgb

METHODS = get_args(Method)

MOUTH_OF_ASTRONAUT = (223, 147)


@pytest.fixture(scope="module")
def astronaut() -> Image:
    """The target."""
    return read_rgb(ASTRONAUT_FILE)


@pytest.fixture(scope="module")
def grace() -> FaceImage:
    """The donor."""
    return FaceImage(read_rgb(GRACE_FILE), control_points(points(GRACE)))


@pytest.fixture(scope="module")
def triangles() -> NDArray[np.int32]:
    """Triangles of the target."""
    return triangulate(control_points(points(ASTRONAUT)))


def difference(a: Image, b: Image) -> NDArray[np.int64]:
    """Largest absolute difference of the channels."""
    return np.asarray(np.abs(a.astype(np.int64) - b).max(axis=2))


@pytest.mark.parametrize("method", METHODS)
def test_a_face_swapped_with_itself_is_left_as_it_was(method: Method, astronaut: Image, triangles: NDArray[np.int32]) -> None:
    itself = FaceImage(astronaut, control_points(points(ASTRONAUT)))
    changed = difference(swap_face(astronaut, points(ASTRONAUT), itself, triangles, method), astronaut)
    assert changed.mean() < 0.05
    assert changed.max() <= 12


@pytest.mark.parametrize("method", METHODS)
def test_only_the_face_changes_and_it_does(method: Method, astronaut: Image, grace: FaceImage, triangles: NDArray[np.int32]) -> None:
    swapped = swap_face(astronaut, points(ASTRONAUT), grace, triangles, method)
    hull = cv2.convexHull(control_points(points(ASTRONAUT)).astype(np.float32)).astype(np.int32)
    inside = cv2.dilate(cv2.fillConvexPoly(np.zeros(astronaut.shape[:2], np.uint8), hull, 1), np.ones((5, 5))) > 0
    assert difference(swapped, astronaut)[~inside].max() == 0
    assert np.median(difference(swapped, astronaut)[100:130, 195:255]) > 15


@pytest.mark.parametrize("method", METHODS)
def test_the_seam_is_soft(method: Method, astronaut: Image, grace: FaceImage, triangles: NDArray[np.int32]) -> None:
    swapped = swap_face(astronaut, points(ASTRONAUT), grace, triangles, method)
    hull = cv2.convexHull(control_points(points(ASTRONAUT)).astype(np.float32)).astype(np.int32)
    edge = cv2.polylines(np.zeros(astronaut.shape[:2], np.uint8), [hull], True, 1) > 0
    assert np.percentile(difference(swapped, astronaut)[edge], 95) <= 6


@pytest.mark.parametrize("method", METHODS)
def test_the_inside_of_the_mouth_stays_the_targets(
    method: Method, astronaut: Image, grace: FaceImage, triangles: NDArray[np.int32]
) -> None:
    swapped = swap_face(astronaut, points(ASTRONAUT), grace, triangles, method)
    x, y = MOUTH_OF_ASTRONAUT
    assert difference(swapped, astronaut)[y - 1 : y + 2, x - 3 : x + 4].max() <= 2


@pytest.mark.parametrize("method", METHODS)
def test_the_detector_finds_the_swapped_face_in_the_same_place(
    method: Method, astronaut: Image, grace: FaceImage, triangles: NDArray[np.int32], assets: Path
) -> None:
    swapped = swap_face(astronaut, points(ASTRONAUT), grace, triangles, method)
    found = track_face([swapped], assets)[0]
    eye_distance = np.linalg.norm(points(ASTRONAUT)[36] - points(ASTRONAUT)[45])
    assert np.linalg.norm(found - points(ASTRONAUT), axis=1).mean() < 0.08 * eye_distance


def test_every_landmark_of_the_donor_lands_on_the_targets(triangles: NDArray[np.int32], astronaut: Image) -> None:
    rows, columns = np.mgrid[:200, :200]
    ramps = np.stack([columns, rows, np.zeros_like(rows)], axis=2).astype(np.uint8)
    donor = control_points((points(GRACE) - (170, 140)) * 0.9)
    goal = control_points(points(ASTRONAUT))
    warped, hull = warp_face(FaceImage(ramps, donor), goal, triangles, astronaut)
    for number in [*range(17, 58), *range(60, 68)]:
        x, y = goal[number].astype(int)
        assert hull[y, x]
        seen = warped[y : y + 2, x : x + 2, :2].reshape(-1, 2)
        assert (seen.min(axis=0) - 4 <= donor[number]).all()
        assert (donor[number] <= seen.max(axis=0) + 4).all()


def test_colours_match_in_the_mean(astronaut: Image) -> None:
    blue = (astronaut * np.array([0.6, 0.7, 1.0])).astype(np.uint8)
    area = np.zeros(astronaut.shape[:2], bool)
    area[110:160, 195:255] = True
    before, after = (
        np.abs(image[area].mean(axis=0) - astronaut[area].mean(axis=0)).max() for image in (blue, match_colours(blue, astronaut, area))
    )
    assert before > 20
    assert after < 3


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shift", [(-230, 0), (0, -140), (250, 0), (0, 350), (900, 900)])
def test_a_face_at_or_beyond_the_edge_of_the_frame_works(
    shift: tuple[int, int], method: Method, astronaut: Image, grace: FaceImage, triangles: NDArray[np.int32]
) -> None:
    swapped = swap_face(astronaut, points(ASTRONAUT) + shift, grace, triangles, method)
    assert swapped.shape == astronaut.shape
    assert (difference(swapped, astronaut).max() > 0) == (shift != (900, 900))


def test_a_track_is_smoothed_within_runs_and_gaps_stay_gaps() -> None:
    track = np.full((12, 68, 2), np.nan)
    track[:5], track[8:] = 10.0, 50.0
    smooth = smooth_track(track)
    assert np.allclose(smooth[:5], 10)
    assert np.isnan(smooth[5:8]).all()
    assert np.allclose(smooth[8:], 50)
    trembling = track.copy()
    trembling[:5] += np.random.default_rng(0).normal(size=(5, 68, 2))
    assert smooth_track(trembling)[:5].std(axis=0).mean() < 0.7 * trembling[:5].std(axis=0).mean()
