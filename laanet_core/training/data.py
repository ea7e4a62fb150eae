"""Training data: crops of real videos, each paired on the fly with a pseudo-fake made from it, or with a fake of the data set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

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
    """The usable crops of a video: its tar shard, members (n) and landmarks (n, 68, 2) in crop pixels."""

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
    """Images uint8 (2n, 3, H, W): n real crops, then their fakes; what is known of all; and whence each comes, `shard: member`."""

    images: Tensor
    truth: Truth
    items: list[str]


def read_clips(split: Split, crops: Path, landmarks: Path, index: Path, label: Literal[0, 1] = 0) -> list[Clip]:
    """Real (label 0) or fake (1) videos of a split that have crops and landmarks, by video_id.

    crops: folder of shards; landmarks: HDF5; index: CSV of the data set. Raises LaanetError when there is none.
    """
    asked = [row.video_id for row in read_index(index) if row.label == label and row.split == split]
    with LandmarkStore(landmarks) as store:
        known = set(store.video_ids())
        clips = [_read_clip(video_id, crops, store) for video_id in asked if video_id in known]
    usable = [clip for clip in clips if clip.members]
    if not usable:
        kind = ("real", "fake")[label]
        found = f"none of the {len(asked)} {kind} {split} videos has a face with landmarks"
        raise LaanetError(f"{index}: {found}; add {kind} videos to that split.")
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

    rank, processes: which part of each batch this process has. steps_per_epoch: batches of an epoch.
    Raises LaanetError when a batch needs more crops than an epoch has, or cannot be shared evenly.
    """

    def __init__(self, clips: Sequence[Clip], params: Params, rank: int = 0, processes: int = 1) -> None:
        self.clips, self.params, self.start = clips, params, 0
        self.rank, self.processes = rank, processes
        self.pairs = params.train.batch_size // 2
        if self.pairs % processes:
            what = f"{params.train.batch_size} cannot be shared evenly by {processes} processes"
            raise LaanetError(f"train.batch_size: {what}; make it a multiple of {2 * processes}.")
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
                    batch = draws[step * self.pairs : (step + 1) * self.pairs]
                    yield batch[self.rank :: self.processes]


def validation_batches(clips: Sequence[Clip], params: Params) -> list[list[Draw]]:
    """The same draws for every epoch, the last batch as it comes."""
    draws = draw_epoch(clips, VALIDATION, params.train.frames_per_epoch, params.seed)
    pairs = params.train.batch_size // 2
    return [draws[first : first + pairs] for first in range(0, len(draws), pairs)]


class Pairs(Dataset["Batch"]):
    """Draw -> the crop and its fake, as a batch of one pair. All its random draws are keyed by the draw.

    clips: real videos; fakes: videos to draw the fakes from, or None for a pseudo-fake of the crop itself.
    """

    def __init__(self, clips: Sequence[Clip], params: Params, fakes: Sequence[Clip] | None = None) -> None:
        self.clips, self.params, self.fakes = clips, params, fakes

    def __getitem__(self, draw: Draw) -> Batch:
        """Make the pair; raises LaanetError for a crop that is not of crops.size."""
        clip = self.clips[draw.clip]
        key = (draw.epoch, clip.video_id, clip.members[draw.crop])
        image, landmarks = self._read(clip, draw.crop)
        generator = torch_generator(self.params.seed, "item", *key)
        augment = draw.epoch != VALIDATION
        item = f"{clip.shard}: {clip.members[draw.crop]}"
        if self.fakes is None:
            return make_pair(image, landmarks, generator, self.params, augment=augment)._replace(items=[item] * 2)
        fake, member = draw_fake(self.fakes, numpy_generator(self.params.seed, "fake", *key))
        pair = join_pair(image, landmarks, self._read(fake, member)[0], generator, self.params, augment=augment)
        return pair._replace(items=[item, f"{fake.shard}: {fake.members[member]}"])

    def _read(self, clip: Clip, number: int) -> tuple[Tensor, Tensor]:
        """One crop uint8 (3, H, W) and its landmarks (68, 2)."""
        member, size = clip.members[number], self.params.crops.size
        rgb = read_rgb(_open_shard(clip.shard), member)
        if rgb.shape[:2] != (size, size):
            found = f"{rgb.shape[1]}x{rgb.shape[0]}"
            raise LaanetError(f"{clip.shard}: {member} has {found} pixels, but crops.size is {size}; run 'dvc repro'.")
        return torch.from_numpy(rgb).permute(2, 0, 1).contiguous(), torch.from_numpy(clip.points[number])


def draw_fake(fakes: Sequence[Clip], generator: np.random.Generator) -> tuple[Clip, int]:
    """A fake video, each as likely as the others, and one of its crops by number."""
    clip = fakes[int(generator.integers(len(fakes)))]
    return clip, int(generator.integers(len(clip.members)))


def make_pair(image: Tensor, landmarks: Tensor, generator: torch.Generator, params: Params, *, augment: bool) -> Batch:
    """A real crop uint8 (3, H, W) with landmarks (68, 2) in pixels -> the crop and its pseudo-fake with their targets.

    A crop whose landmarks do not allow a blend stands twice, real both times.
    """
    blend = self_blend(image[None], landmarks[None], generator, params.synthesis)
    real, fake, mask = blend.real[0], blend.fake[0], blend.mask[0]
    if augment:
        real, fake, mask, _ = augment_pair(real, fake, mask, landmarks, params.augment, generator)
    masks, ratio = torch.stack([torch.zeros_like(mask), mask]), torch.cat([torch.ones(1), blend.ratio])
    targets = encode_targets(masks, image.shape[-1] // STRIDE, params.train.recipe, generator, params.train.iou, ratio)
    label = (masks.flatten(1).amax(dim=1) > 0).float()
    return Batch(torch.stack([real, fake]), Truth(label, targets.heatmap, targets.consistency, targets.anchor), [])


def join_pair(real: Tensor, landmarks: Tensor, fake: Tensor, generator: torch.Generator, params: Params, *, augment: bool) -> Batch:
    """A real and a fake crop uint8 (3, H, W), augmented alike, as a batch; their auxiliary targets are empty and not to be learnt from."""
    nowhere = torch.zeros(1, *real.shape[1:])
    if augment:
        real, fake, _, _ = augment_pair(real, fake, nowhere, landmarks, params.augment, generator)
    empty = torch.zeros(2, 1, real.shape[-1] // STRIDE, real.shape[-1] // STRIDE)
    truth = Truth(torch.tensor([0.0, 1.0]), empty, empty, torch.zeros(2, 2, dtype=torch.int64))
    return Batch(torch.stack([real, fake]), truth, [])


def make_loader(pairs: Pairs, batches: Sampler[list[Draw]] | list[list[Draw]], workers: int) -> DataLoader[Batch]:
    """Batches in the order of their draws, the same for any number of worker processes (0: in this process)."""
    return DataLoader(
        pairs,
        batch_sampler=batches,
        num_workers=workers,
        collate_fn=join,
        worker_init_fn=_start_loader_worker,
        multiprocessing_context="spawn" if workers else None,
        persistent_workers=workers > 0,
        pin_memory=torch.cuda.is_available(),
    )


def join(pairs: Sequence[Batch]) -> Batch:
    """Pairs -> one batch: all the real crops, then all the fakes, in the same order."""

    def gather(parts: Sequence[Tensor]) -> Tensor:
        return torch.stack(list(parts), dim=1).flatten(0, 1)

    truth = Truth(*(gather(parts) for parts in zip(*(pair.truth for pair in pairs), strict=True)))
    items = [pair.items[place] for place in range(2) for pair in pairs]
    return Batch(gather([pair.images for pair in pairs]), truth, items)


@lru_cache(maxsize=_OPEN_SHARDS)
def _open_shard(path: Path) -> Shard:
    return Shard(path)


def _start_loader_worker(_: int) -> None:
    start_worker()
