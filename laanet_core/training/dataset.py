"""Training data: the usable crops of videos, and the crops drawn in each step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from laanet_core.datasets.index import IndexRow, read_index
from laanet_core.errors import LaanetError
from laanet_core.media.faces.landmarks import LandmarkStore
from laanet_core.media.storage.shards import Shard, crop_members
from laanet_core.params import Params, Split
from laanet_core.randomness import numpy_generator
from laanet_core.store.csv_io import read_table
from laanet_core.synthesis.hulls import usable_faces

VALIDATION = -1


@dataclass(frozen=True)
class Clip:
    """The usable crops of a video.

    person: identity of the person shown; shard: tar file of the crops; digest: of the shard's content; members: names of the n crops in it;
    points: landmarks (n, 68, 2) in crop pixels.
    """

    video_id: str
    person: str
    shard: Path
    digest: str
    members: list[str]
    points: NDArray[np.float32]


class SplitClips(NamedTuple):
    """The clips of a split, and the number of crops left out because their landmarks allow no blend."""

    clips: list[Clip]
    left_out: int


class Draw(NamedTuple):
    """One crop of one clip (indices) for one epoch, or for VALIDATION."""

    epoch: int
    clip: int
    crop: int


def read_clips(
    split: Split, crops: Path, landmarks: Path, index: Path, label: Literal[0, 1] = 0, blend_size: int | None = None
) -> SplitClips:
    """Read the real (label 0) or fake (1) videos of a split that have crops and landmarks.

    crops: folder of shards; landmarks: HDF5; index: CSV of the data set; blend_size: side of the crops in pixels, given if pseudo-fakes
    are made of them: crops whose landmarks allow no blend are then left out. Raises LaanetError if no video is left.
    """
    rows = [row for row in read_index(index) if row.label == label and row.split == split]
    digests = {video["video_id"]: video["digest"] for video in read_table(crops / "videos.csv", ["video_id", "digest"])}
    with LandmarkStore(landmarks) as store:
        with_landmarks = set(store.video_ids())
        found = [_read_clip(row, crops, digests[row.video_id], store) for row in rows if row.video_id in with_landmarks]
    kept = [clip if blend_size is None else _blendable(clip, blend_size) for clip in found]
    clips = [clip for clip in kept if clip.members]
    if not clips:
        kind = ("real", "fake")[label]
        lacking = f"none of the {len(rows)} {kind} {split} videos has a face with landmarks{' that allow a blend' if blend_size else ''}"
        raise LaanetError(f"{index}: {lacking}; add {kind} videos to that split.")
    return SplitClips(clips, sum(len(clip.members) for clip in found) - sum(len(clip.members) for clip in clips))


def _read_clip(row: IndexRow, crops: Path, digest: str, store: LandmarkStore) -> Clip:
    """The crops of a video that have landmarks, in the order of the landmark file."""
    path = crops / f"{row.video_id}.tar"
    with Shard(path) as shard:
        members = {(frame, face): member for member, frame, face in crop_members(shard)}
    keys = list(zip(store.frames(row.video_id).tolist(), store.faces(row.video_id).tolist(), strict=True))
    present = [number for number, key in enumerate(keys) if key in members]
    return Clip(row.video_id, row.person, path, digest, [members[keys[number]] for number in present], store.points(row.video_id)[present])


def _blendable(clip: Clip, size: int) -> Clip:
    """The clip without the crops (size x size pixels) whose landmarks allow no blend."""
    kept = np.flatnonzero(usable_faces(clip.points, size, size))
    return replace(clip, members=[clip.members[number] for number in kept], points=clip.points[kept])


def draw_epoch(clips: Sequence[Clip], epoch: int, count: int, seed: int) -> list[Draw]:
    """Draw `count` crops of each clip (all crops of a shorter clip) without replacement, in random order.

    The draw of a clip depends only on (seed, epoch, video_id). Every epoch has the same number of draws.
    """
    draws: list[Draw] = []
    for number, clip in enumerate(clips):
        generator = numpy_generator(seed, "frames", epoch, clip.video_id)
        chosen = generator.choice(len(clip.members), min(count, len(clip.members)), replace=False)
        draws += [Draw(epoch, number, int(crop)) for crop in chosen]
    order = numpy_generator(seed, "order", epoch).permutation(len(draws))
    return [draws[place] for place in order]


class TrainingBatches(Sampler[list[Draw]]):
    """The draws of all batches of a training from step `start` on; the incomplete last batch of an epoch is dropped.

    rank, processes: this process takes every `processes`-th pair of a batch, starting with `rank`. steps_per_epoch: batches per epoch.
    Raises LaanetError if a batch needs more crops than an epoch has, or cannot be divided equally among the processes.
    """

    def __init__(self, clips: Sequence[Clip], params: Params, rank: int = 0, processes: int = 1) -> None:
        self.clips, self.params, self.start = clips, params, 0
        self.rank, self.processes = rank, processes
        self.pairs = params.train.batch_size // 2
        if self.pairs % processes:
            what = f"{params.train.batch_size} cannot be divided equally among {processes} processes"
            raise LaanetError(f"train.batch_size: {what}; make it a multiple of {2 * processes}.")
        available = len(draw_epoch(clips, 0, params.train.frames_per_epoch, params.seed))
        self.steps_per_epoch = available // self.pairs
        if not self.steps_per_epoch:
            size = params.train.batch_size
            raise LaanetError(f"train.batch_size: {size} needs {self.pairs} crops per epoch, the train split has {available}; lower it.")

    def __iter__(self) -> Iterator[list[Draw]]:
        train = self.params.train
        for epoch in range(self.start // self.steps_per_epoch, train.epochs):
            draws = draw_epoch(self.clips, epoch, train.frames_per_epoch, self.params.seed)
            for step in range(self.steps_per_epoch):
                if epoch * self.steps_per_epoch + step >= self.start:
                    batch = draws[step * self.pairs : (step + 1) * self.pairs]
                    yield batch[self.rank :: self.processes]


def validation_batches(clips: Sequence[Clip], params: Params) -> list[list[Draw]]:
    """The draws of the validation batches, the same in every epoch; the last batch may be smaller."""
    draws = draw_epoch(clips, VALIDATION, params.train.frames_per_epoch, params.seed)
    pairs = params.train.batch_size // 2
    return [draws[first : first + pairs] for first in range(0, len(draws), pairs)]
