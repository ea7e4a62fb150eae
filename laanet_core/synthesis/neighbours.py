"""Nearest faces of other people by landmarks: the foregrounds of blended images (BI; docs/paper_and_official.md, section 5)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from laanet_core.errors import LaanetError

# Aligned coordinates are rounded to integers, so that every product, sum and squared distance is an integer that float32 represents
# exactly: no order of summation, block size, thread count or device changes a neighbour. The centroid size of a face is 512 steps, each
# about one pixel of a 384 px crop, which keeps all sums below 2^20. No coordinate of a face exceeds half its centroid size, and integers
# up to 256 stay exact even if matrix products round their factors to TF32 or bfloat16.
STEPS_PER_UNIT, MAX_COORDINATE = 512, 255
EXCLUDED = 2**22  # larger than any distance of two faces; marks faces of the same person and padding
RUN_LENGTH = 64  # faces per run; runs are compared first, by their nearest face
BLOCK_SIZE = 2**25  # squared distances in memory at once: 128 MiB
ALIGNED_AT_ONCE = 2**13  # faces
MIN_SPREAD = 1e-3  # pixels; landmarks within less than this coincide


def _line(start: complex, stop: complex, count: int) -> list[complex]:
    return [start + (stop - start) * step / (count - 1) for step in range(count)]


# A schematic upright face, 68 landmarks as x + iy with y downwards. It defines the orientation; its position and size have no effect.
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
    """Full Procrustes alignment of landmarks (n, 68, 2) in pixels, removing position, size and in-plane rotation: float64 (n, 68, 2).

    Each face is centred, scaled to a centroid size (root of the sum of squares) of 1, and rotated, without mirroring, onto a fixed
    upright face by least squares, independently of the other faces. Raises LaanetError for another shape, coordinates that are not
    finite, and faces whose landmarks all coincide.
    """
    _check_landmarks(landmarks)
    points = torch.view_as_complex(landmarks.detach().double().contiguous())
    centred = points - points.mean(dim=1, keepdim=True)
    unit = centred / torch.linalg.vector_norm(centred, dim=1, keepdim=True)
    # sum |unit e^(i angle) - upright|^2 is smallest at the angle of sum conj(unit) upright
    angle = (unit.conj() * torch.tensor(_UPRIGHT, device=unit.device, dtype=unit.dtype)).sum(dim=1, keepdim=True).angle()
    return torch.view_as_real(unit * torch.polar(torch.ones_like(angle), angle))


def nearest_faces(landmarks: Tensor, people: Sequence[str], count: int = 30) -> Tensor:
    """Indices of the `count` faces of other people whose aligned landmarks are nearest to each face: int32 (n, count).

    landmarks: (n, 68, 2) in pixels; people: identity of each face. The distance is the sum of squared distances after `align`, with
    coordinates rounded to 1/512 of the centroid size. Rows are sorted by distance, ties by index, and padded with -1. The result does not
    depend on the device or the number of threads. Time is O(n^2), memory O(n). Raises LaanetError as `align`, and if the number of
    people differs from the number of faces or there are fewer than two people.
    """
    _check_landmarks(landmarks)
    _check_people(people, len(landmarks))
    faces = torch.cat([_quantise(align(part)) for part in torch.split(landmarks, ALIGNED_AT_ONCE)])
    neighbours = torch.full((len(faces), count), -1, dtype=torch.int32, device=faces.device)
    for rows, distances in _distance_blocks(faces, people):
        indices = _nearest(distances, count)
        neighbours[rows, : indices.shape[1]] = indices.int()
    return neighbours


def _check_landmarks(landmarks: Tensor) -> None:
    if landmarks.ndim != 3 or landmarks.shape[1:] != (68, 2):
        raise LaanetError(f"landmarks: shape {tuple(landmarks.shape)}; give (n, 68, 2) in crop pixels (x, y).")
    if not landmarks.numel():
        return
    infinite = int((~landmarks.float().isfinite()).any(dim=2).any(dim=1).sum())
    if infinite:
        raise LaanetError(f"landmarks: {infinite} of {len(landmarks)} faces have coordinates that are not finite; leave those faces out.")
    spread = landmarks.amax(dim=1) - landmarks.amin(dim=1)
    collapsed = int((spread.amax(dim=1) < MIN_SPREAD).sum())
    if collapsed:
        raise LaanetError(f"landmarks: {collapsed} of {len(landmarks)} faces have landmarks that all coincide; leave those faces out.")


def _check_people(people: Sequence[str], faces: int) -> None:
    if len(people) != faces:
        raise LaanetError(f"people: {len(people)} for {faces} faces; give one for each face.")
    distinct = len(set(people))
    if distinct < 2:
        raise LaanetError(f"synthesis.method: bi needs real videos of at least two people, found {distinct}; add some or set it to sbi.")


def _quantise(aligned: Tensor) -> Tensor:
    """Round aligned landmarks (n, 68, 2) to whole steps: float32 (n, 136)."""
    return (aligned * STEPS_PER_UNIT).round().clamp(-MAX_COORDINATE, MAX_COORDINATE).flatten(1).float()


def _distance_blocks(faces: Tensor, people: Sequence[str]) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield blocks of faces (n, 136): indices (b,) and distances to all faces, float32 (b, n padded to complete runs); each face once.

    Distances are squared, minus the squared norm of the row's face, which does not change the order in a row. They are EXCLUDED for faces
    of the same person and for padding. The tensor is overwritten by the next block.
    """
    order, codes, faces_of = _group(people, faces.device)
    others = torch.nn.functional.pad(faces, (0, 0, 0, -len(faces) % RUN_LENGTH))
    squares = torch.nn.functional.pad(faces.square().sum(dim=1), (0, len(others) - len(faces)), value=EXCLUDED)
    height = max(1, min(len(faces), BLOCK_SIZE // len(others)))
    buffer = faces.new_empty(height, len(others))
    for rows, row_codes in zip(torch.split(order, height), torch.split(codes, height), strict=True):
        distances = torch.addmm(squares, faces[rows], others.T, alpha=-2, out=buffer[: len(rows)])
        block_people, counts = torch.unique_consecutive(row_codes, return_counts=True)
        for person_rows, person in zip(torch.split(distances, counts.tolist()), block_people.tolist(), strict=True):
            person_rows.index_fill_(1, faces_of[person], EXCLUDED)
        yield rows, distances


def _group(people: Sequence[str], device: torch.device) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
    """Indices of the faces (n,) sorted by person, the person's code for each of them, and the indices of the faces of each code."""
    code_of = {person: code for code, person in enumerate(dict.fromkeys(people))}
    codes, order = torch.tensor([code_of[person] for person in people]).sort()
    order = order.to(device)
    return order, codes, torch.split(order, codes.bincount().tolist())


def _nearest(distances: Tensor, count: int) -> Tensor:
    """Columns of the `count` smallest integer distances in each row (b, complete runs), ascending: int64 (b, k <= count), -1 if EXCLUDED.

    topk does not define the order of ties, so keys combine distance and column and are unique. The `count` smallest keys are in the
    `count` runs with the smallest minima, earlier runs first among ties, since each run ranked before that of a result contains a smaller
    key than that result.
    """
    width = distances.shape[1]
    runs = distances.view(len(distances), -1, RUN_LENGTH)
    run_indices = torch.arange(runs.shape[1], device=distances.device)
    run_keys = runs.amin(dim=2).long() * len(run_indices) + run_indices
    nearest_runs = run_keys.topk(min(count, len(run_indices)), dim=1, largest=False).indices[..., None]
    columns = nearest_runs * RUN_LENGTH + torch.arange(RUN_LENGTH, device=distances.device)
    keys = (runs.gather(1, nearest_runs.expand(-1, -1, RUN_LENGTH)).long() * width + columns).flatten(1)
    best = keys.topk(min(count, keys.shape[1]), dim=1, largest=False).values
    return torch.where(best < EXCLUDED * width, best % width, -1)
