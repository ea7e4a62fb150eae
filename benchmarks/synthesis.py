"""Measure milliseconds per (real, fake) pair with all its targets: `make bench-synthesis`, or `python -m benchmarks.synthesis --help`.

On a CPU with one thread: by method, with and without augmentation, with the share of each step, interleaved with the plain implementation
(`benchmarks.plain_synthesis`), so that other load on a shared machine affects both. On a GPU, if there is one: for several batch sizes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import skimage.data
import torch
from torch import Tensor

from benchmarks.machine import add_device_option, describe_machine, devices
from benchmarks.plain_synthesis import plain_pair
from laanet_core.params import AugmentParams, SynthesisParams
from laanet_core.runtime.memory import keep_freed_memory
from laanet_core.synthesis import augment
from laanet_core.synthesis.bi import make_cross_blends
from laanet_core.synthesis.ops.image_ops import ops_for_device
from laanet_core.synthesis.rng import Rng
from laanet_core.synthesis.sbi import make_self_blends
from laanet_core.training.pairs import pair_targets
from tests.helpers.drawn_face import face_landmarks

RESULTS = Path(__file__).parent / "results"
BATCHES = {"cpu": [8], "cuda": [8, 64, 256]}
WAYS = {"sbi": ("sbi", False), "sbi, augmented": ("sbi", True), "bi": ("bi", False), "bi, augmented": ("bi", True)}


class Stopwatch:
    """Image operations that record the time of each call, and of any other step."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.ops = device, ops_for_device(device)
        self.seconds: dict[str, float] = defaultdict(float)
        self.kernel_seconds = 0.0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def kernel(*arguments: Any) -> Any:
            before = self.now()
            result = getattr(self.ops, name)(*arguments)
            spent = self.now() - before
            self.seconds[name] += spent
            self.kernel_seconds += spent
            return result

        return kernel

    def now(self) -> float:
        """Seconds, after the device has finished its queued work."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    def step(self, name: str, work: Callable[[], Any]) -> Any:
        """Run a step and record its time, excluding that of its kernels."""
        before, kernels_before = self.now(), self.kernel_seconds
        result = work()
        self.seconds[name] += self.now() - before - (self.kernel_seconds - kernels_before)
        return result


def main() -> None:
    """Measure on every device of this machine, print a table and write the results."""
    options = _options()
    for device in devices(options.device):
        report = {"size": options.size, "rounds": options.rounds, "pairs": measure(torch.device(device), options)}
        report = {"machine": describe_machine(device), **report}
        _print(report)
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"synthesis_{device}.json").write_text(json.dumps(report, indent=1) + "\n")


def measure(device: torch.device, options: argparse.Namespace) -> dict[str, Any]:
    """Map batch size and implementation to ms per pair (median, minimum, maximum) and the share of each step."""
    if device.type == "cpu":
        keep_freed_memory()
        torch.set_num_threads(1)
        cv2.setNumThreads(1)
    found: dict[str, Any] = {}
    for batch in BATCHES[device.type]:
        faces = make_faces(batch, options.size, device)
        runs: dict[str, list[float]] = defaultdict(list)
        watches = {way: Stopwatch(device) for way in WAYS}
        for number in range(-1, options.rounds):  # the first warms up
            print(f"bench-synthesis: {device.type}, {batch} pairs, round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
            for way in [*WAYS, *(["plain sbi"] if device.type == "cpu" else [])]:
                watch = watches.get(way, Stopwatch(device)) if number >= 0 else Stopwatch(device)
                before = watch.now()
                _plain(faces, number) if way == "plain sbi" else make(way, faces, number, watch)
                runs[way] += [(watch.now() - before) / batch * 1e3] * (number >= 0)
        found[str(batch)] = {way: _summary(times, watches.get(way)) for way, times in runs.items()}
        if device.type == "cuda":
            found[str(batch)]["peak_mib"] = round(torch.cuda.max_memory_allocated() / 2**20)
    return found


def make_faces(count: int, size: int, device: torch.device) -> tuple[Tensor, np.ndarray[Any, np.dtype[np.float32]]]:
    """Crops uint8 (n, 3, H, W) of a photograph (public domain), each with its own brightness, and landmarks (n, 68, 2) of a drawn face."""
    portrait = cv2.resize(np.asarray(skimage.data.astronaut())[0:256, 96:352], (size, size), interpolation=cv2.INTER_CUBIC)
    light = np.random.default_rng(0).uniform(0.7, 1.2, (count, 1, 1, 3))
    pictures = np.rint(portrait * light).clip(0, 255).astype(np.uint8)
    images = torch.from_numpy(pictures).permute(0, 3, 1, 2).to(device)
    return images, np.tile(face_landmarks(size).numpy(), (count, 1, 1))


def make(way: str, faces: tuple[Tensor, np.ndarray[Any, np.dtype[np.float32]]], number: int, watch: Stopwatch) -> None:
    """Make one batch of pairs with their targets, step by step as in training."""
    (images, landmarks), (method, augmented) = faces, WAYS[way]
    draws, params = Rng(np.arange(len(images)) + 1000 * (number + 1)), SynthesisParams()
    if method == "bi":
        others = images.flip(0)
        made = partial(make_cross_blends, images, landmarks, others, landmarks, draws, params, watch)  # type: ignore[arg-type]
    else:
        made = partial(make_self_blends, images, landmarks, draws, params, watch)  # type: ignore[arg-type]
    blend = watch.step("draws, hulls, copies", made)
    mask = blend.mask
    if augmented:
        points = torch.from_numpy(landmarks)
        changed = watch.step("augmentation's rest", lambda: augment(blend.real, blend.fake, mask, points, draws, AugmentParams(), watch))
        mask = changed.mask
    watch.step("targets", lambda: pair_targets(mask, blend.ratio, draws, "paper", 0.7))


def _plain(faces: tuple[Tensor, np.ndarray[Any, np.dtype[np.float32]]], number: int) -> None:
    draws = np.random.default_rng(number + 1)
    for image, landmarks in zip(faces[0], faces[1], strict=True):
        plain_pair(np.ascontiguousarray(image.permute(1, 2, 0).numpy()), landmarks, draws)


def _summary(times: list[float], watch: Stopwatch | None) -> dict[str, Any]:
    """Median, minimum and maximum ms per pair; share of each step, the largest first."""
    figures: dict[str, Any] = {"ms": round(statistics.median(times), 3), "least": round(min(times), 3), "most": round(max(times), 3)}
    if watch:
        total = sum(watch.seconds.values())
        shares = sorted(watch.seconds.items(), key=lambda step: -step[1])
        figures["shares"] = {name: round(seconds / total, 3) for name, seconds in shares}
    return figures


def _print(report: dict[str, Any]) -> None:
    """Print a table for each batch size, with the speed relative to the plain implementation if that was measured."""
    machine = report["machine"]
    print(f"{machine['device']}, {machine['threads']} threads, torch {machine['torch']}; {report['size']} px")
    for batch, ways in report["pairs"].items():
        plain = ways.get("plain sbi", {}).get("ms")
        print(f"\n{batch + ' pairs at once':20}{'ms/pair':>10}{'min':>10}{'max':>10}{'pairs/s':>10}{'x plain':>10}")
        for way, found in ways.items():
            if way != "peak_mib":
                ratio = f"{plain / found['ms']:10.1f}" if plain else ""
                print(f"{way:20}{found['ms']:10.2f}{found['least']:10.2f}{found['most']:10.2f}{1000 / found['ms']:10.0f}{ratio}")
                print("".join(f"    {name} {share:.0%}" for name, share in list(found.get("shares", {}).items())[:8]))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure milliseconds per pair of a real image and its pseudo-fake, with targets.")
    add_device_option(parser)
    parser.add_argument("--size", type=int, default=384, help="pixels of an image side (384)")
    parser.add_argument("--rounds", type=int, default=15, help="measured batches of each implementation (15)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
