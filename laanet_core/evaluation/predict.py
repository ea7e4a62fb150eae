"""Logits of face crops, stored per video in the work folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import torch

from laanet_core.media.storage.shards import Shard, crop_members, read_rgb
from laanet_core.model import LAANet
from laanet_core.model.forward import forward
from laanet_core.runtime.executor import one_thread, worker_count
from laanet_core.runtime.memory import keep_freed_memory
from laanet_core.store.items import run_items
from laanet_core.store.work_dir import WorkDir
from laanet_core.store.writing import write_json
from laanet_core.types import Image

CROPS_A_PASS = 2
"""Crops per forward pass on a CPU: with more, the feature maps do not fit its cache; with one, the weights are reordered too often."""

Change = Callable[[Image, int, int], Image]
"""Function that alters a crop (H, W, 3) before it is scored, given its frame number and face number."""


class FrameLogit(NamedTuple):
    """Logit of one face in one frame. face: 0 is the largest; flipped: logit of the mirrored crop, None if not computed."""

    frame: int
    face: int
    logit: float
    flipped: float | None = None

    @property
    def views(self) -> list[float]:
        """The logits of all views of the face."""
        return [self.logit] if self.flipped is None else [self.logit, self.flipped]


class ScoreTask(NamedTuple):
    """One video to score.

    shard: its tar of crops; digest: of the contents of the tar; batch_size: crops per batch; flip: whether mirrored crops are scored
    too; change: applied to each crop before scoring; frames: maximum number of frames, evenly spaced, None for all.
    """

    model: LAANet
    shard: Path
    digest: str | None
    batch_size: int
    flip: bool
    change: Change | None = None
    frames: int | None = None


def score_videos(tasks: Mapping[str, ScoreTask], keys: Mapping[str, str], work: WorkDir, label: str) -> dict[str, list[FrameLogit]]:
    """Logits of each video; videos scored earlier are read from the work folder.

    tasks, keys: name -> task, and its work key. Videos run in parallel, each on one thread and in its own batches, so that a score
    depends neither on the other videos nor on the number of cores.
    """
    keep_freed_memory()
    with one_thread(), ThreadPoolExecutor(worker_count(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        items = run_items(work, keys, _write_logits, tasks, pool, label)
    return {name: [FrameLogit(*values) for values in json.loads(path.read_text())] for name, path in items.items()}


def score_shard(task: ScoreTask) -> list[FrameLogit]:
    """Logits of one video, in the order of its crops."""
    scored: list[FrameLogit] = []
    with Shard(task.shard, task.digest) as shard:
        members = _evenly_spaced(crop_members(shard), task.frames)
        for start in range(0, len(members), task.batch_size):
            batch = members[start : start + task.batch_size]
            images = [read_rgb(shard, name) for name, _, _ in batch]
            if task.change is not None:
                images = [task.change(image, frame, face) for image, (_, frame, face) in zip(images, batch, strict=True)]
            logits = _logits(task.model, images)
            mirrored = _logits(task.model, [image[:, ::-1] for image in images]) if task.flip else [None] * len(batch)
            scored += [
                FrameLogit(frame, face, logit, flipped) for (_, frame, face), logit, flipped in zip(batch, logits, mirrored, strict=True)
            ]
    return scored


def _evenly_spaced(members: list[tuple[str, int, int]], count: int | None) -> list[tuple[str, int, int]]:
    """The crops of at most `count` evenly spaced frames; members: (name, frame, face)."""
    frames = sorted({frame for _, frame, _ in members})
    if count is None or count >= len(frames):
        return members
    kept = {frames[place * len(frames) // count] for place in range(count)}
    return [member for member in members if member[1] in kept]


def _logits(model: LAANet, images: list[Image]) -> list[float]:
    """Logits as the shortest decimals that round to the same single-precision numbers.

    A CPU processes `CROPS_A_PASS` crops of a batch at a time, which is faster than the whole batch and needs less memory.
    """
    size = CROPS_A_PASS if next(model.parameters()).device.type == "cpu" else len(images)
    passes = (images[start : start + size] for start in range(0, len(images), size))
    return [float(str(logit)) for each in passes for logit in forward(model, each)[0]]


def _write_logits(task: ScoreTask, path: Path) -> None:
    """Write the work item of one video: its logits as JSON."""
    write_json(path, score_shard(task))
