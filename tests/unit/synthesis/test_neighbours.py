"""Nearest faces of other people: the definition, ties, invariances, and refused inputs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from laanet_core.errors import LaanetError
from laanet_core.synthesis import neighbours
from laanet_core.synthesis.neighbours import MAX_COORDINATE, STEPS_PER_UNIT, align, nearest_faces
from tests.helpers.drawn_face import face_landmarks
from tests.helpers.paths import ROOT

MEMORY_OF_20000 = """
import re, torch
from pathlib import Path
from laanet_core.synthesis.neighbours import nearest_faces
from tests.unit.synthesis.test_neighbours import drawn_faces, random_people

def peak():
    return int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])

faces, people = drawn_faces(20_000), random_people(20_000, 500)
before = peak()
found = nearest_faces(faces, people)
assert found.shape == (20_000, 30) and found.min() >= 0
print((peak() - before) // 1024)
"""


def drawn_faces(count: int, seed: int = 0, noise: float = 6) -> Tensor:
    """Landmarks float64 (count, 68, 2) of faces in crops of 384 pixels, each point moved by noise of a few pixels."""
    generator = torch.Generator().manual_seed(seed)
    return face_landmarks(384).double() + torch.randn(count, 68, 2, generator=generator, dtype=torch.float64) * noise


def random_people(faces: int, people: int, seed: int = 0) -> list[str]:
    draws = np.random.default_rng(seed).integers(people, size=faces)
    return [f"person {number}" for number in draws]


def faces_with_ties(count: int, seed: int = 0) -> Tensor:
    """Faces of which most have copies, so that their distances tie."""
    draws = np.random.default_rng(seed)
    return drawn_faces(max(2, count // 4), seed)[draws.integers(max(2, count // 4), size=count)]


def squared_distances(landmarks: Tensor) -> Tensor:
    steps = (align(landmarks) * STEPS_PER_UNIT).round().clamp(-MAX_COORDINATE, MAX_COORDINATE).long().flatten(1)
    return torch.stack([(steps - one).square().sum(dim=1) for one in steps])


def by_definition(landmarks: Tensor, people: list[str], count: int) -> Tensor:
    rows = []
    for face, distances in enumerate(squared_distances(landmarks).tolist()):
        others = [number for number, person in enumerate(people) if person != people[face]]
        nearest = sorted(others, key=lambda number: (distances[number], number))[:count]
        rows.append(nearest + [-1] * (count - len(nearest)))
    return torch.tensor(rows, dtype=torch.int32)


def transformed(landmarks: Tensor, seed: int, shift: float = 500) -> Tensor:
    """Each face shifted, scaled by 1/4 to 4 and rotated by any angle, independently of the others."""
    draws = np.random.default_rng(seed)
    factors = np.exp(draws.uniform(-np.log(4), np.log(4), (len(landmarks), 1)) + 1j * draws.uniform(-np.pi, np.pi, (len(landmarks), 1)))
    shifts = draws.uniform(-shift, shift, (len(landmarks), 2, 1))
    return torch.view_as_real(torch.view_as_complex(landmarks) * torch.from_numpy(factors)) + torch.from_numpy(shifts).mT


def test_aligned_faces_are_centred_of_size_1_and_upright() -> None:
    aligned = align(transformed(drawn_faces(50), 1))
    assert aligned.shape == (50, 68, 2)
    assert aligned.dtype == torch.float64
    assert aligned.mean(dim=1).abs().max() < 1e-12
    assert (aligned.square().sum(dim=(1, 2)) - 1).abs().max() < 1e-12
    temples = aligned[:, 16] - aligned[:, 0]
    assert (temples[:, 1].abs() < 0.1 * temples[:, 0]).all(), "from left to right, and horizontal"
    assert (aligned[:, 8, 1] > aligned[:, 27, 1] + 0.1).all(), "the chin is below the nose"


def test_alignment_of_a_face_does_not_depend_on_position_size_rotation_or_the_other_faces() -> None:
    faces = drawn_faces(50)
    aligned = align(faces)
    assert (align(transformed(faces, 2)) - aligned).abs().max() < 1e-12
    assert torch.equal(align(faces[7:8])[0], aligned[7])
    assert torch.equal(align(faces.mT.contiguous().mT), aligned), "nor on the memory layout"


def test_alignment_does_not_mirror() -> None:
    mirrored = face_landmarks(384)[None] * torch.tensor([-1.0, 1.0])
    aligned = align(torch.cat([face_landmarks(384)[None], mirrored]))
    across, down = aligned[:, 16] - aligned[:, 0], aligned[:, 8] - aligned[:, 0]
    turn = across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0]
    assert turn[0] > 0 > turn[1]


@pytest.mark.parametrize(
    ("count", "block", "run"), [(30, 2**25, 64), (30, 8000, 64), (7, 8000, 8), (3, 1, 4), (1, 5000, 3), (500, 9000, 32)]
)
@pytest.mark.parametrize("make", [drawn_faces, faces_with_ties])
def test_neighbours_equal_the_definition_for_any_size_of_blocks_and_runs(
    monkeypatch: pytest.MonkeyPatch, make: Callable[[int], Tensor], count: int, block: int, run: int
) -> None:
    monkeypatch.setattr(neighbours, "BLOCK_SIZE", block)
    monkeypatch.setattr(neighbours, "RUN_LENGTH", run)
    monkeypatch.setattr(neighbours, "ALIGNED_AT_ONCE", 37)
    landmarks, people = make(200), random_people(200, 15)
    found = nearest_faces(landmarks, people, count)
    assert found.dtype == torch.int32
    assert torch.equal(found, by_definition(landmarks, people, count))


def test_runs_with_equal_minima_lose_no_neighbour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "RUN_LENGTH", 4)
    landmarks = drawn_faces(1).repeat(64, 1, 1)
    people = [str(number % 2) for number in range(64)]
    found = nearest_faces(landmarks, people, 5)
    assert found[0].tolist() == found[62].tolist() == [1, 3, 5, 7, 9]
    assert found[1].tolist() == found[63].tolist() == [0, 2, 4, 6, 8]


def test_rounding_to_steps_changes_distances_by_at_most_a_few_percent() -> None:
    landmarks, people = drawn_faces(400, noise=3), [str(number) for number in range(400)]
    aligned = align(landmarks).flatten(1)
    distances = torch.cdist(aligned, aligned).fill_diagonal_(torch.inf)
    found = distances.gather(1, nearest_faces(landmarks, people).long())
    exact = distances.sort(dim=1).values[:, :30]
    change = (found / exact - 1).abs()
    assert change.max() < 0.06
    assert change.mean() < 0.015


@settings(deadline=None, max_examples=60)
@given(
    people=st.lists(st.sampled_from("abcdef"), min_size=2, max_size=40).filter(lambda people: len(set(people)) > 1),
    count=st.integers(1, 45), seed=st.integers(0, 2**31),
)  # fmt: skip
def test_neighbours_are_other_people_and_as_many_as_exist(people: list[str], count: int, seed: int) -> None:
    landmarks = faces_with_ties(len(people), seed)
    found = nearest_faces(landmarks, people, count)
    assert torch.equal(found, by_definition(landmarks, people, count))
    for person, row in zip(people, found.tolist(), strict=True):
        others = [number for number in row if number >= 0]
        assert len(others) == len(set(others)) == min(count, len(people) - people.count(person))
        assert all(people[number] != person for number in others)
        assert row == others + [-1] * (count - len(others))


def test_few_others_are_padded() -> None:
    found = nearest_faces(drawn_faces(4), ["a", "a", "a", "b"])
    assert found.shape == (4, 30)
    assert found[:3, 0].tolist() == [3, 3, 3]
    assert sorted(found[3, :3].tolist()) == [0, 1, 2]
    assert (found[:3, 1:] == -1).all()
    assert (found[3, 3:] == -1).all()


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**31), shift=st.floats(0, 2000))
def test_neighbours_do_not_depend_on_position_size_and_rotation(seed: int, shift: float) -> None:
    landmarks, people = drawn_faces(120), random_people(120, 30)
    assert torch.equal(nearest_faces(transformed(landmarks, seed, shift), people), nearest_faces(landmarks, people))


def test_a_face_far_from_every_other_still_has_neighbours() -> None:
    outlier = face_landmarks(384)[None].clone()
    outlier[0, 3] = 1e6
    landmarks, people = torch.cat([outlier, drawn_faces(9)]), [str(number) for number in range(10)]
    assert sorted(nearest_faces(landmarks, people, 9)[0].tolist()) == list(range(1, 10))


def test_neighbours_do_not_depend_on_threads_or_the_precision_of_matrix_products() -> None:
    landmarks, people = faces_with_ties(2000).float(), random_people(2000, 40)
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    found = []
    try:
        for count, products in ((1, "highest"), (2, "highest"), (2, "medium")):
            torch.set_num_threads(count)
            torch.set_float32_matmul_precision(products)
            found.append(nearest_faces(landmarks, people))
    finally:
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(precision)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


def test_input_is_not_modified() -> None:
    landmarks = drawn_faces(20)
    before = landmarks.clone()
    nearest_faces(landmarks, random_people(20, 5))
    assert torch.equal(landmarks, before)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_20000_faces_need_no_matrix_of_all_pairs() -> None:
    command = [sys.executable, "-c", MEMORY_OF_20000]
    rise = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert int(rise) < 600, "a matrix of float32 would take 1526 MiB"


@pytest.mark.parametrize("shape", [(4, 5, 2), (4, 68), (68, 2), (4, 68, 3)])
def test_other_shapes_are_one_clear_sentence(shape: tuple[int, ...]) -> None:
    for call in (align, lambda landmarks: nearest_faces(landmarks, ["a", "b", "a", "b"])):
        with pytest.raises(LaanetError, match=r"^landmarks: shape .*; give \(n, 68, 2\) in crop pixels \(x, y\)\.$"):
            call(torch.rand(shape))


@pytest.mark.parametrize(
    ("value", "message"),
    [(torch.nan, "coordinates that are not finite"), (torch.inf, "coordinates that are not finite"), (64.0, "landmarks that all coincide")],
)
def test_degenerate_landmarks_are_counted(value: float, message: str) -> None:
    landmarks = drawn_faces(5)
    landmarks[1:3] = value
    for call in (align, lambda landmarks: nearest_faces(landmarks, list("abcde"))):
        with pytest.raises(LaanetError, match=rf"^landmarks: 2 of 5 faces have {message}; leave those faces out\.$"):
            call(landmarks)


def test_people_must_match_the_faces() -> None:
    with pytest.raises(LaanetError, match=r"^people: 4 for 5 faces; give one for each face\.$"):
        nearest_faces(drawn_faces(5), list("abcd"))


@pytest.mark.parametrize("people", ["", "a", "aaa"])
def test_bi_needs_two_people(people: str) -> None:
    message = rf"^synthesis\.method: bi needs real videos of at least two people, found {len(set(people))}; add some or set it to sbi\.$"
    with pytest.raises(LaanetError, match=message):
        nearest_faces(drawn_faces(len(people)), list(people))
