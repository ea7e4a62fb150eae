"""Measure a complete evaluation of some videos with the functions of the pipeline: a part of `make bench-eval`.

It runs in a process of its own, which is killed after a fifth of the videos and started again. The second run shows how long the
network waits for crops, and how memory grows; a third run has nothing left to do.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import cv2
import numpy as np
import skimage.data

from laanet_core.evaluation import predict
from laanet_core.evaluation.evaluate import load_network, score_keys
from laanet_core.evaluation.predict import ScoreTask, score_videos
from laanet_core.media.storage.shards import encode_png, write_shard
from laanet_core.model.fusion import fuse_batch_norms
from laanet_core.params import Params, load_params
from laanet_core.runtime.executor import worker_count
from laanet_core.store.digests import file_digest
from laanet_core.store.work_dir import WorkDir

SIZE, FRAMES = 384, 32
PAPER_VIDEOS = 500
PORTRAIT = np.asarray(skimage.data.astronaut())[20:228, 120:328]
"""A photograph of a face (public domain)."""


class Call(NamedTuple):
    """A function call: its seconds, and the MiB of resident memory of this process after it."""

    seconds: float
    mib: int


def paper_params() -> Params:
    """The paper's parameters with random weights, on which speed does not depend."""
    values = load_params(Path("presets/paper.yaml")).model_dump()
    values["model"] |= {"pretrained": False}
    return Params.model_validate(values)


def write_crops(folder: Path, videos: int) -> None:
    """Write the crops of some videos of FRAMES frames, each a photograph that moves by one pixel per frame."""
    face = cv2.resize(PORTRAIT, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    (folder / "crops").mkdir()
    for number in range(videos):
        frames = [np.roll(face, (number, frame), axis=(0, 1)).astype(np.uint8) for frame in range(FRAMES)]
        members = [(f"{number:03d}/{frame:06d}.png", encode_png(image)) for frame, image in enumerate(frames)]
        write_shard(folder / "crops" / f"{number:03d}.tar", members)


def kill_and_resume(folder: Path, videos: int) -> dict[str, Any]:
    """Figures of the evaluation of a folder with model.safetensors and crops/, killed once and resumed."""
    command = [sys.executable, "-m", "benchmarks.whole_evaluation", str(folder)]
    work = WorkDir("evaluate", folder / "work")
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as first:
        while first.poll() is None and _finished(work) < videos // 5:
            time.sleep(0.05)
        first.kill()
    kept = _finished(work)
    resumed, nothing = (json.loads(subprocess.check_output(command, text=True).splitlines()[-1]) for _ in range(2))
    hours = PAPER_VIDEOS * FRAMES / resumed["frames_per_s"] / 3600
    found = {"videos": videos, "frames": FRAMES, "kept_when_killed": kept, "resumed": resumed}
    return {**found, "nothing_to_do": nothing, f"hours_of_{PAPER_VIDEOS}_videos_at_this_rate": round(hours, 2)}


def _finished(work: WorkDir) -> int:
    return sum(path.suffix != ".tmp" for path in work.items())


def evaluate(folder: Path) -> dict[str, Any]:
    """Score the videos of a folder that have no score yet."""
    params, weights = paper_params(), folder / "model.safetensors"
    scorer = fuse_batch_norms(load_network(weights, SIZE), SIZE)
    shards = {path.stem: path for path in sorted((folder / "crops").iterdir())}
    tasks = {name: ScoreTask(scorer, path, None, params.evaluate.batch_size, params.evaluate.flip) for name, path in shards.items()}
    keys = score_keys({name: file_digest(path) for name, path in shards.items()}, file_digest(weights), params.evaluate)
    with watched("score_shard") as videos, watched("forward") as passes:
        start = time.perf_counter()
        score_videos(tasks, keys, WorkDir("evaluate", folder / "work"), "bench-eval")
        seconds = time.perf_counter() - start
    found = {"scored": len(videos), "seconds": round(seconds, 2)}
    return found | (_figures(videos, passes, seconds) if videos else {})


@contextmanager
def watched(name: str) -> Iterator[list[Call]]:
    """Record the calls of a function of `predict` within the block, in the order in which they end."""
    calls: list[Call] = []
    function, lock = getattr(predict, name), threading.Lock()

    def watch(*arguments: Any) -> Any:
        start = time.perf_counter()
        result = function(*arguments)
        with lock:
            calls.append(Call(time.perf_counter() - start, _resident_mib()))
        return result

    with patch.object(predict, name, watch):
        yield calls


def _figures(videos: Sequence[Call], passes: Sequence[Call], seconds: float) -> dict[str, float]:
    """loader_wait: fraction of the threads' time outside the network; memory after a quarter of the videos, and at the end."""
    whole, network = (sum(call.seconds for call in calls) for calls in (videos, passes))
    return {
        "frames_per_s": round(len(videos) * FRAMES / seconds, 3),
        "loader_wait": round(1 - network / whole, 4),
        "threads_busy": round(whole / seconds / worker_count(), 4),
        "mib_after_a_quarter": videos[len(videos) // 4].mib,
        "mib_at_the_end": videos[-1].mib,
    }


def _resident_mib() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20


if __name__ == "__main__":
    print(json.dumps(evaluate(Path(sys.argv[1]))))
