"""Faces of other people with the nearest landmarks: the foregrounds of blended images (BI; reference_facts, section 5)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from laanet_core.errors import LaanetError

# Aligned coordinates are rounded to integers, so that every product, sum and squared distance is an integer that float32 holds exactly:
# no order of summation, block, thread or device changes a neighbour. A face has a centroid size of 512 steps, each about a pixel of a
# 384 px crop, which keeps all sums below 2^20. No face has a coordinate beyond half of its size, and integers up to 256 stay exact even
# where matrix products round their factors to TF32 or bfloat16.
STEPS, LARGEST = 512, 255
FAR = 2**22  # beyond the distance of any two faces: one of the same person, or none
RUN = 64  # faces are compared as runs of so many first, by the nearest of each
BLOCK = 2**25  # squared distances held at once: 128 MiB
PART = 2**13  # faces aligned at once
SMALLEST = 1e-3  # pixels across: less is a point


def _line(start: complex, stop: complex, count: int) -> list[complex]:
    return [start + (stop - start) * step / (count - 1) for step in range(count)]


# A plain upright face in the order of the 68 landmarks, x + iy with y downwards. It says which way is up; place and size have no effect.
_UPRIGHT = [
    *(complex(-math.cos(step * math.pi / 16), 1.4 * math.sin(step * math.pi / 16)) for step in range(17)),
    *_line(-0.8 - 0.25j, -0.2 - 0.25j, 5),
    *_line(0.2 - 0.25j, 0.8 - 0.25j, 5),
    *_line(0j, 0.5j, 4),
    *_line(-0.2 + 0.65j, 0.2 + 0.65j, 5),
    *[-0.45 + 0j] * 6,
    *[0.45 + 0j] * 6,
    *[0.95j] * 20,
]


def align(landmarks: Tensor) -> Tensor:
    """Faces without place, size and in-plane rotation: full Procrustes alignment of landmarks (n, 68, 2), pixels, as float64 (n, 68, 2).

    Each face is centred, scaled to a centroid size (root of the sum of squares) of 1, and turned, never mirrored, onto a fixed upright
    face by least squares. It depends on that face alone. Raises LaanetError for another shape, coordinates that are not finite,
    and faces whose landmarks all coincide.
    """
    _check_landmarks(landmarks)
    points = torch.view_as_complex(landmarks.detach().double().contiguous())
    centred = points - points.mean(dim=1, keepdim=True)
    unit = centred / torch.linalg.vector_norm(centred, dim=1, keepdim=True)
    # sum |unit e^(i angle) - upright|^2 is least where the angle is that of sum conj(unit) upright
    angle = (unit.conj() * torch.tensor(_UPRIGHT, device=unit.device, dtype=unit.dtype)).sum(dim=1, keepdim=True).angle()
    return torch.view_as_real(unit * torch.polar(torch.ones_like(angle), angle))


def nearest_faces(landmarks: Tensor, people: Sequence[str], count: int = 30) -> Tensor:
    """Numbers of the `count` faces of other people whose aligned landmarks are nearest to each face: int32 (n, count).

    landmarks: (n, 68, 2) pixels; people: who each face is. Nearest is the least sum of squared distances after `align`, in whole steps
    of 1/512 of the centroid size; nearest first, of equal ones the lower number first, -1 where there are fewer. The same on every
    device and with any number of threads. Takes n^2 time, but memory of n only. Raises LaanetError as `align`, and for
    as many people as do not match the faces or fewer than two.
    """
    _check_landmarks(landmarks)
    _check_people(people, len(landmarks))
    faces = torch.cat([_quantise(align(part)) for part in torch.split(landmarks, PART)])
    neighbours = torch.full((len(faces), count), -1, dtype=torch.int32, device=faces.device)
    for rows, distances in _distance_blocks(faces, people):
        numbers = _nearest(distances, count)
        neighbours[rows, : numbers.shape[1]] = numbers.int()
    return neighbours


def _check_landmarks(landmarks: Tensor) -> None:
    if landmarks.ndim != 3 or landmarks.shape[1:] != (68, 2):
        raise LaanetError(f"landmarks: shape {tuple(landmarks.shape)}; give (n, 68, 2), crop pixels (x, y).")
    if not landmarks.numel():
        return
    lost = int((~landmarks.float().isfinite()).any(dim=2).any(dim=1).sum())
    if lost:
        raise LaanetError(f"landmarks: {lost} of {len(landmarks)} faces have coordinates that are not finite; leave those faces out.")
    spread = landmarks.amax(dim=1) - landmarks.amin(dim=1)
    collapsed = int((spread.amax(dim=1) < SMALLEST).sum())
    if collapsed:
        raise LaanetError(f"landmarks: {collapsed} of {len(landmarks)} faces have landmarks that all coincide; leave those faces out.")


def _check_people(people: Sequence[str], faces: int) -> None:
    if len(people) != faces:
        raise LaanetError(f"people: {len(people)} for {faces} faces; give one for each face.")
    found = len(set(people))
    if found < 2:
        raise LaanetError(f"synthesis.method: bi needs real videos of at least two people, found {found}; add some or set it to sbi.")


def _quantise(aligned: Tensor) -> Tensor:
    """Aligned landmarks (n, 68, 2) in whole steps, float32 (n, 136)."""
    return (aligned * STEPS).round().clamp(-LARGEST, LARGEST).flatten(1).float()


def _distance_blocks(faces: Tensor, people: Sequence[str]) -> Iterator[tuple[Tensor, Tensor]]:
    """Numbers of some faces (b,) and their distances to all faces, float32 (b, whole runs), of faces (n, 136); each face comes once.

    A distance is the squared one less the square of the face itself, which does not change the order in its row; FAR for
    faces of the same person and what fills up the last run. It is overwritten by the next block.
    """
    order, codes, own = _group(people, faces.device)
    others = torch.nn.functional.pad(faces, (0, 0, 0, -len(faces) % RUN))
    squares = torch.nn.functional.pad(faces.square().sum(dim=1), (0, len(others) - len(faces)), value=FAR)
    height = max(1, min(len(faces), BLOCK // len(others)))
    buffer = faces.new_empty(height, len(others))
    for rows, some in zip(torch.split(order, height), torch.split(codes, height), strict=True):
        distances = torch.addmm(squares, faces[rows], others.T, alpha=-2, out=buffer[: len(rows)])
        present, counts = torch.unique_consecutive(some, return_counts=True)
        for same, person in zip(torch.split(distances, counts.tolist()), present.tolist(), strict=True):
            same.index_fill_(1, own[person], FAR)
        yield rows, distances


def _group(people: Sequence[str], device: torch.device) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
    """Numbers of the faces (n,) person by person on `device`, the code of the person of each, and the numbers of each code's faces."""
    code_of = {person: code for code, person in enumerate(dict.fromkeys(people))}
    codes, order = torch.tensor([code_of[person] for person in people]).sort()
    order = order.to(device)
    return order, codes, torch.split(order, codes.bincount().tolist())


def _nearest(distances: Tensor, count: int) -> Tensor:
    """Columns of the least `count` of each row of whole distances (b, whole runs), ascending, int64 (b, k <= count), -1 for FAR ones.

    topk promises no order among equals, so each key holds the distance and the number, and no two are equal. The least `count` lie in the
    `count` runs with the least minima, of equal runs the earlier: a run before that of an answer holds a lesser key.
    """
    width = distances.shape[1]
    runs = distances.view(len(distances), -1, RUN)
    places = torch.arange(runs.shape[1], device=distances.device)
    least = runs.amin(dim=2).long() * len(places) + places
    chosen = least.topk(min(count, len(places)), dim=1, largest=False).indices[..., None]
    numbers = chosen * RUN + torch.arange(RUN, device=distances.device)
    keys = (runs.gather(1, chosen.expand(-1, -1, RUN)).long() * width + numbers).flatten(1)
    best = keys.topk(min(count, keys.shape[1]), dim=1, largest=False).values
    return torch.where(best < FAR * width, best % width, -1)
