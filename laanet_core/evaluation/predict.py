"""Scores and heat maps of face crops: probability of fake by frame, kept by video in the work folder."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from laanet_core.evaluation.tables import DECIMALS, FrameScore
from laanet_core.media.shards import Shard, crop_members, read_rgb
from laanet_core.model import LAANet
from laanet_core.parallel import one_thread, worker_count
from laanet_core.work.folder import WorkDir
from laanet_core.work.items import run_items

Image = NDArray[np.uint8]


class ScoreTask(NamedTuple):
    """One video to score: its tar of crops, and how many crops make a forward pass."""

    model: LAANet
    shard: Path
    batch_size: int


def score_videos(tasks: Mapping[str, ScoreTask], keys: Mapping[str, str], work: WorkDir, label: str) -> dict[str, list[FrameScore]]:
    """Frame scores of each video; finished videos are taken from the work folder.

    tasks, keys: video_id -> what to score, and its work key. Videos run side by side, each on one thread and in batches of its own, so
    that a score depends neither on the other videos nor on the number of cores.
    """
    workers = 1 if torch.cuda.is_available() else worker_count()
    with one_thread(), ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        items = run_items(work, keys, _write_scores, tasks, pool, label)
    return {video_id: [FrameScore(*values) for values in json.loads(path.read_text())] for video_id, path in items.items()}


def score_shard(model: LAANet, path: Path, batch_size: int) -> list[FrameScore]:
    """Frame scores of one video in the order of its crops."""
    scores: list[FrameScore] = []
    with Shard(path) as shard:
        members = crop_members(shard)
        for start in range(0, len(members), batch_size):
            batch = members[start : start + batch_size]
            logits, _ = forward(model, [read_rgb(shard, name) for name, _, _ in batch])
            probabilities = 1 / (1 + np.exp(-logits.astype(np.float64)))
            values = np.round(probabilities, DECIMALS).tolist()
            scores += [FrameScore(frame, face, value) for (_, frame, face), value in zip(batch, values, strict=True)]
    return scores


def forward(model: LAANet, images: Iterable[Image]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Logits (n,) and heat maps (n, H/4, W/4) in [0, 1], None without that head, of n RGB crops (H, W, 3) of one size."""
    batch = torch.from_numpy(np.stack(list(images))).permute(0, 3, 1, 2)
    device = next(model.parameters()).device
    with torch.inference_mode():
        output = model(model.normalise(batch.to(device)))
    heatmaps = None if output.heatmap is None else output.heatmap.float().sigmoid()[:, 0].cpu().numpy()
    return output.logit.float().cpu().numpy(), heatmaps


def _write_scores(task: ScoreTask, path: Path) -> None:
    """Work item of one video: its frame scores as JSON."""
    path.write_text(json.dumps(score_shard(*task)))
