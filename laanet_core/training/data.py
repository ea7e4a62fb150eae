"""Training data: crops of real videos, each paired on the fly with a pseudo-fake made from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from laanet_core.datasets.index import read_index
from laanet_core.errors import LaanetError
from laanet_core.media.landmarks import LandmarkStore
from laanet_core.media.shards import Shard, crop_members, read_rgb
from laanet_core.model.laanet import STRIDE
from laanet_core.parallel import start_worker
from laanet_core.params import Params, Split
from laanet_core.randomness import numpy_generator, torch_generator
from laanet_core.synthesis import augment_pair, encode_targets, self_blend
from laanet_core.training.losses import Truth

VALIDATION = -1
_OPEN_SHARDS = 64


@dataclass(frozen=True)
class Clip:
    """The usable crops of a real video: its tar shard, members (n) and landmarks (n, 68, 2) in crop pixels."""

    video_id: str
    shard: Path
    members: list[str]
    points: NDArray[np.float32]


class Draw(NamedTuple):
    """One crop of one clip (both by number) for one epoch, or for VALIDATION."""

    epoch: int
    clip: int
    crop: int


class Batch(NamedTuple):
    """Images uint8 (2n, 3, H, W): n real crops, then the fakes made of them, and what is known of all."""

    images: Tensor
    truth: Truth


def read_clips(split: Split, crops: Path, landmarks: Path, index: Path) -> list[Clip]:
    """Real videos of a split that have crops and landmarks, by video_id.

    crops: folder of shards; landmarks: HDF5; index: CSV of the data set. Raises LaanetError when there is none.
    """
    real = [row.video_id for row in read_index(index) if row.label == 0 and row.split == split]
    with LandmarkStore(landmarks) as store:
        known = set(store.video_ids())
        clips = [_read_clip(video_id, crops, store) for video_id in real if video_id in known]
    usable = [clip for clip in clips if clip.members]
    if not usable:
        raise LaanetError(f"{index}: none of the {len(real)} real {split} videos has a face with landmarks; add real videos to that split.")
    return usable


def _read_clip(video_id: str, crops: Path, store: LandmarkStore) -> Clip:
    """The crops of a video that have landmarks, in the order of the landmarks."""
    path = crops / f"{video_id}.tar"
    with Shard(path) as shard:
        members = {(frame, face): member for member, frame, face in crop_members(shard)}
    keys = list(zip(store.frames(video_id).tolist(), store.faces(video_id).tolist(), strict=True))
    there = [number for number, key in enumerate(keys) if key in members]
    return Clip(video_id, path, [members[keys[number]] for number in there], store.points(video_id)[there])


def draw_epoch(clips: Sequence[Clip], epoch: int, count: int, seed: int) -> list[Draw]:
    """Draw `count` crops of each clip (all of a shorter one) without replacement, and put them in random order.

    A clip's draw depends on (seed, epoch, video_id) alone; every epoch has as many draws as the others.
    """
    draws: list[Draw] = []
    for number, clip in enumerate(clips):
        generator = numpy_generator(seed, "frames", epoch, clip.video_id)
        chosen = generator.choice(len(clip.members), min(count, len(clip.members)), replace=False)
        draws += [Draw(epoch, number, int(crop)) for crop in chosen]
    order = numpy_generator(seed, "order", epoch).permutation(len(draws))
    return [draws[place] for place in order]


class TrainingBatches(Sampler[list[Draw]]):
    """The draws of all batches of a training from step `start` on; an epoch's incomplete last batch is left out.

    steps_per_epoch: batches of an epoch. Raises LaanetError when a batch needs more crops than an epoch has.
    """

    def __init__(self, clips: Sequence[Clip], params: Params) -> None:
        self.clips, self.params, self.start = clips, params, 0
        self.pairs = params.train.batch_size // 2
        available = len(draw_epoch(clips, 0, params.train.frames_per_epoch, params.seed))
        self.steps_per_epoch = available // self.pairs
        if not self.steps_per_epoch:
            size = params.train.batch_size
            raise LaanetError(f"train.batch_size: {size} needs {self.pairs} crops an epoch, but the train split has {available}; lower it.")

    def __iter__(self) -> Iterator[list[Draw]]:
        train = self.params.train
        for epoch in range(self.start // self.steps_per_epoch, train.epochs):
            draws = draw_epoch(self.clips, epoch, train.frames_per_epoch, self.params.seed)
            for step in range(self.steps_per_epoch):
                if epoch * self.steps_per_epoch + step >= self.start:
                    yield draws[step * self.pairs : (step + 1) * self.pairs]


def validation_batches(clips: Sequence[Clip], params: Params) -> list[list[Draw]]:
    """The same draws for every epoch, the last batch as it comes."""
    draws = draw_epoch(clips, VALIDATION, params.train.frames_per_epoch, params.seed)
    pairs = params.train.batch_size // 2
    return [draws[first : first + pairs] for first in range(0, len(draws), pairs)]


class Pairs(Dataset["Batch"]):
    """Draw -> the crop and a pseudo-fake of it, as a batch of one pair. All its random draws are keyed by the draw."""

    def __init__(self, clips: Sequence[Clip], params: Params) -> None:
        self.clips, self.params = clips, params

    def __getitem__(self, draw: Draw) -> Batch:
        """Make the pair; raises LaanetError for a crop that is not of crops.size."""
        clip, params = self.clips[draw.clip], self.params
        member = clip.members[draw.crop]
        rgb = read_rgb(_open_shard(clip.shard), member)
        if rgb.shape[:2] != (params.crops.size, params.crops.size):
            found = f"{rgb.shape[1]}x{rgb.shape[0]}"
            raise LaanetError(f"{clip.shard}: {member} has {found} pixels, but crops.size is {params.crops.size}; run 'dvc repro'.")
        generator = torch_generator(params.seed, "item", draw.epoch, clip.video_id, member)
        image = torch.from_numpy(rgb).permute(2, 0, 1).contiguous()
        return make_pair(image, torch.from_numpy(clip.points[draw.crop]), generator, params, augment=draw.epoch != VALIDATION)


def make_pair(image: Tensor, landmarks: Tensor, generator: torch.Generator, params: Params, *, augment: bool) -> Batch:
    """A real crop uint8 (3, H, W) with landmarks (68, 2) in pixels -> the crop and its pseudo-fake with their targets.

    A crop whose landmarks do not allow a blend stands twice, real both times.
    """
    blend = self_blend(image[None], landmarks[None], generator, params.synthesis)
    real, fake, mask = blend.real[0], blend.fake[0], blend.mask[0]
    if augment:
        real, fake, mask, _ = augment_pair(real, fake, mask, landmarks, params.augment, generator)
    masks = torch.stack([torch.zeros_like(mask), mask])
    targets = encode_targets(masks, image.shape[-1] // STRIDE, "paper", generator, params.train.iou)
    label = (masks.flatten(1).amax(dim=1) > 0).float()
    return Batch(torch.stack([real, fake]), Truth(label, targets.heatmap, targets.consistency, targets.anchor))


def make_loader(clips: Sequence[Clip], batches: Sampler[list[Draw]] | list[list[Draw]], params: Params, workers: int) -> DataLoader[Batch]:
    """Batches in the order of their draws, the same for any number of worker processes (0: in this process)."""
    return DataLoader(
        Pairs(clips, params),
        batch_sampler=batches,
        num_workers=workers,
        collate_fn=join,
        worker_init_fn=_start_loader_worker,
        multiprocessing_context="spawn" if workers else None,
        persistent_workers=workers > 0,
    )


def join(pairs: Sequence[Batch]) -> Batch:
    """Pairs -> one batch: all the real crops, then all the fakes, in the same order."""

    def gather(parts: Sequence[Tensor]) -> Tensor:
        return torch.stack(list(parts), dim=1).flatten(0, 1)

    truth = Truth(*(gather(parts) for parts in zip(*(pair.truth for pair in pairs), strict=True)))
    return Batch(gather([pair.images for pair in pairs]), truth)


@lru_cache(maxsize=_OPEN_SHARDS)
def _open_shard(path: Path) -> Shard:
    return Shard(path)


def _start_loader_worker(_: int) -> None:
    start_worker()
