"""Loading of stored crops, in this process or in worker processes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from laanet_core.errors import LaanetError
from laanet_core.media.storage.shards import Shard, read_rgb
from laanet_core.randomness import seed_of
from laanet_core.runtime.executor import start_worker
from laanet_core.training.dataset import Clip, Draw
from laanet_core.training.partners import Partners

_OPEN_SHARDS = 64


class FaceSample(NamedTuple):
    """A crop: RGB (H, W, 3), its landmarks (68, 2) in pixels, and its source, `shard: member`."""

    image: NDArray[np.uint8]
    landmarks: NDArray[np.float32]
    item: str


class FaceSamples(NamedTuple):
    """A batch of crops: images uint8 (n, 3, H, W), channels-last; landmarks float32 (n, 68, 2); items: sources as in `FaceSample`."""

    images: Tensor
    landmarks: Tensor
    items: list[str]


class Samples(NamedTuple):
    """A batch of n real crops; keys: int64 (n,), of their random draws; partners: crops that they are paired with, or None."""

    faces: FaceSamples
    keys: Tensor
    partners: FaceSamples | None


class Crops(Dataset[tuple[FaceSample, int, "FaceSample | None"]]):
    """Draw -> the crop, the key of its random draws, and its partner, or None without `partners`."""

    def __init__(self, clips: Sequence[Clip], seed: int, size: int, partners: Partners | None = None) -> None:
        self.clips, self.seed, self.size, self.partners = clips, seed, size, partners

    def __getitem__(self, draw: Draw) -> tuple[FaceSample, int, FaceSample | None]:
        """Read the crops of a draw; raises LaanetError for a crop that is not `size` x `size` pixels."""
        clip = self.clips[draw.clip]
        key = seed_of(self.seed, "item", draw.epoch, clip.video_id, clip.members[draw.crop])
        partner = self.read(*self.partners.pick(draw, key)) if self.partners else None
        return self.read(clip, draw.crop), key, partner

    def read(self, clip: Clip, number: int) -> FaceSample:
        """Read the crop of a clip at an index."""
        member = clip.members[number]
        rgb = read_rgb(_open_shard(clip.shard, clip.digest), member)
        if rgb.shape[:2] != (self.size, self.size):
            found = f"{rgb.shape[1]}x{rgb.shape[0]}"
            raise LaanetError(f"{clip.shard}: {member} has {found} pixels, but crops.size is {self.size}; run 'dvc repro'.")
        return FaceSample(rgb, clip.points[number], f"{clip.shard}: {member}")


def make_loader(crops: Crops, batches: Sampler[list[Draw]] | list[list[Draw]], workers: int) -> Iterable[Samples]:
    """Load batches in the order of their draws; the result does not depend on the number of worker processes (0: load in this process)."""
    return DataLoader(
        crops,
        batch_sampler=batches,
        num_workers=workers,
        collate_fn=collate,
        worker_init_fn=_start_loader_worker,
        multiprocessing_context="spawn" if workers else None,
        persistent_workers=workers > 0,
        pin_memory=torch.cuda.is_available(),
    )


def collate(samples: Sequence[tuple[FaceSample, int, FaceSample | None]]) -> Samples:
    """Combine single crops into a batch."""
    faces, keys, partners = zip(*samples, strict=True)
    return Samples(_collate_faces(faces), torch.tensor(keys), None if partners[0] is None else _collate_faces(partners))


def _collate_faces(faces: Sequence[FaceSample]) -> FaceSamples:
    images, landmarks, items = zip(*faces, strict=True)
    return FaceSamples(torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2), torch.from_numpy(np.stack(landmarks)), list(items))


@lru_cache(maxsize=_OPEN_SHARDS)
def _open_shard(path: Path, digest: str) -> Shard:
    return Shard(path, digest)


def _start_loader_worker(_: int) -> None:
    start_worker()
