"""A face swap shows the donor's face in the target's place, and leaves the rest of the frame unchanged."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import cv2
import matplotlib
import numpy as np
import pytest
import skimage
from numpy.typing import NDArray

from laanet_core.demo.cast import Method
from laanet_core.demo.faceswap import FaceImage, control_points, match_colours, swap_face, triangulate, warp_face
from laanet_core.demo.tracks import smooth_track, track_face

METHODS = get_args(Method)

# Points of dlib's predictor on two public-domain portraits, x,y in pixels.
ASTRONAUT = (
    "179,106 180,117 180,128 181,139 185,151 191,161 200,169 210,176 221,178 232,177 243,171 254,163 260,153 265,142 268,131 "
    "270,120 272,108 187,93 193,88 201,87 209,89 217,92 236,94 244,91 251,91 259,92 265,98 226,102 225,111 225,119 225,127 214,131 "
    "219,133 224,135 229,133 234,132 195,101 200,98 207,98 212,104 206,104 199,104 237,105 243,100 250,100 255,104 250,106 243,106 "
    "200,139 209,139 218,139 224,141 229,140 237,140 246,141 237,151 229,155 222,156 216,155 207,150 203,140 217,143 223,144 "
    "229,143 243,142 229,150 223,151 217,150"
)
GRACE = (
    "177,206 180,228 185,249 192,270 199,290 211,307 227,320 248,329 271,331 294,328 312,318 327,303 338,283 346,262 349,239 "
    "351,215 351,192 187,185 195,169 211,161 228,162 243,168 282,165 297,157 314,154 330,160 339,175 264,188 265,204 267,220 "
    "268,237 246,246 257,249 268,252 279,249 289,245 207,196 216,188 227,187 238,195 228,197 217,198 289,192 300,184 310,183 "
    "319,189 311,192 300,193 232,279 244,273 258,271 267,273 278,271 291,272 304,276 292,285 279,289 269,291 259,290 245,286 "
    "236,278 258,278 268,279 278,277 299,277 279,279 268,280 258,279"
)
MOUTH_OF_ASTRONAUT = (223, 147)

Image = NDArray[np.uint8]
Array = NDArray[np.float64]


def points(text: str) -> Array:
    """Landmarks from text."""
    return np.array([pair.split(",") for pair in text.split()], np.float64)


def read_rgb(path: Path) -> Image:
    """A picture as RGB."""
    picture = cv2.imread(str(path))
    assert picture is not None
    return np.ascontiguousarray(picture[..., ::-1], np.uint8)


@pytest.fixture(scope="module")
def astronaut() -> Image:
    """The target."""
    return read_rgb(Path(skimage.__file__).parent / "data/astronaut.png")


@pytest.fixture(scope="module")
def grace() -> FaceImage:
    """The donor."""
    return FaceImage(read_rgb(Path(matplotlib.get_data_path()) / "sample_data/grace_hopper.jpg"), control_points(points(GRACE)))


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
