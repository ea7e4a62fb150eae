"""Logits and heat maps of face crops, kept by video in the work folder."""

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
"""Of a CPU: the maps of more leave its cache, and for one alone the weights would be laid out anew as often as they are used."""

Change = Callable[[Image, int, int], Image]
"""Alters a crop (H, W, 3) before it is scored, given the numbers of its frame and its face."""


class FrameLogit(NamedTuple):
    """What the network says of one face of one frame; face 0 is the largest; flipped: of the mirrored crop, where that is asked for."""

    frame: int
    face: int
    logit: float
    flipped: float | None = None

    @property
    def views(self) -> list[float]:
        """The logits of all views of the face."""
        return [self.logit] if self.flipped is None else [self.logit, self.flipped]


class ScoreTask(NamedTuple):
    """One video to score: its tar of crops and the digest of their content, how many of them a GPU takes at once, whether mirrored ones
    are scored too, what alters them.

    frames: at most so many of its frames, evenly spaced; None for all.
    """

    model: LAANet
    shard: Path
    digest: str | None
    batch_size: int
    flip: bool
    change: Change | None = None
    frames: int | None = None


def score_videos(tasks: Mapping[str, ScoreTask], keys: Mapping[str, str], work: WorkDir, label: str) -> dict[str, list[FrameLogit]]:
    """Logits of each video; finished videos are taken from the work folder.

    tasks, keys: name -> what to score, and its work key. Videos run side by side, each on one thread and in batches of its own, so
    that a score depends neither on the other videos nor on the number of cores; crops of one are read while another's are scored.
    """
    keep_freed_memory()
    with one_thread(), ThreadPoolExecutor(worker_count(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        items = run_items(work, keys, _write_logits, tasks, pool, label)
    return {name: [FrameLogit(*values) for values in json.loads(path.read_text())] for name, path in items.items()}


def score_shard(task: ScoreTask) -> list[FrameLogit]:
    """Logits of one video in the order of its crops."""
    scored: list[FrameLogit] = []
    with Shard(task.shard, task.digest) as shard:
        members = _spaced(crop_members(shard), task.frames)
        for start in range(0, len(members), task.batch_size):
            batch = members[start : start + task.batch_size]
            images = [_changed(read_rgb(shard, name), frame, face, task.change) for name, frame, face in batch]
            logits = _logits(task.model, images)
            mirrored = _logits(task.model, [image[:, ::-1] for image in images]) if task.flip else [None] * len(batch)
            scored += [
                FrameLogit(frame, face, logit, flipped) for (_, frame, face), logit, flipped in zip(batch, logits, mirrored, strict=True)
            ]
    return scored


def _spaced(members: list[tuple[str, int, int]], count: int | None) -> list[tuple[str, int, int]]:
    """The faces of at most `count` evenly spaced frames."""
    frames = sorted({frame for _, frame, _ in members})
    if count is None or count >= len(frames):
        return members
    kept = {frames[place * len(frames) // count] for place in range(count)}
    return [member for member in members if member[1] in kept]


def _changed(image: Image, frame: int, face: int, change: Change | None) -> Image:
    return image if change is None else change(image, frame, face)


def _logits(model: LAANet, images: list[Image]) -> list[float]:
    """Logits as the shortest decimals that give the same single-precision numbers.

    A CPU takes the crops of a batch in pairs, which is sooner than all at once, in a fraction of the memory.
    """
    size = CROPS_A_PASS if next(model.parameters()).device.type == "cpu" else len(images)
    passes = (images[start : start + size] for start in range(0, len(images), size))
    return [float(str(logit)) for each in passes for logit in forward(model, each)[0]]


def _write_logits(task: ScoreTask, path: Path) -> None:
    """Work item of one video: its logits as JSON."""
    write_json(path, score_shard(task))
