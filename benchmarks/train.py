"""Measure images per second and peak memory of a training step: `make bench-train`, or `python -m benchmarks.train --help`.

A step is both passes of SAM (forward, losses, backward) and the update, on a batch in memory, with the paper's network (B4, 384 px, 16
images). This project's step is compared with a plain float64 and a plain float32 one: the same network, losses and SAM without
optimisation. Each implementation runs in a process of its own, interleaved with the others, so that other load on a shared machine affects
all. If one of them does not fit into memory, all are measured at half the batch size as well, so that figures can be compared.
"""

from __future__ import annotations

import argparse
import json
import resource
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch

from benchmarks.machine import add_device_option, describe_machine, devices
from laanet_core.heads.registry import head_weights
from laanet_core.heads.spec import LossContext, TargetSource
from laanet_core.model.laanet import STRIDE
from laanet_core.params import Params, load_params
from laanet_core.runtime.memory import keep_freed_memory
from laanet_core.synthesis.targets.encode import Targets
from laanet_core.training.batch import Batch, BatchTargets
from laanet_core.training.batch_norm import batch_norms, fixed_batch_statistics
from laanet_core.training.distributed import open_fabric
from laanet_core.training.losses import total_loss
from laanet_core.training.optim import make_optimizer
from laanet_core.training.pairs import head_targets
from laanet_core.training.step import Learner, set_train_mode
from laanet_core.training.trainer import repeatable, start_model

RESULTS = Path(__file__).parent / "results"
WAYS = {"cpu": ["float64", "float32", "ours"], "cuda": ["float64", "float32", "ours", "ours, compiled", "ours, without SAM"]}
STEPS = {"cpu": 2, "cuda": 50}
RATE = 1e-5
OUT_OF_MEMORY = 75


def main() -> None:
    """Measure every implementation on every device of this machine, print a table and write the results."""
    options = _options()
    if options.way:
        _measure_here(options)
        return
    for device in devices(options.device):
        batches = measure_batches(device, options)
        report = {"machine": describe_machine(device), "backbone": options.backbone, "size": options.size, "batches": batches}
        _print(report)
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / (options.results or f"train_{device}.json")).write_text(json.dumps(report, indent=1) + "\n")


def _measure_here(options: argparse.Namespace) -> None:
    """Run as the process of one implementation: print its measurements, or exit with OUT_OF_MEMORY."""
    try:
        print(json.dumps(measure(options.way, options.device, _params(options), options.steps or STEPS[options.device])))
    except torch.OutOfMemoryError:
        sys.exit(OUT_OF_MEMORY)


def measure_batches(device: str, options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Map batch size and implementation to figures, None if it does not fit; from the requested size down to the first that fits all."""
    batches: dict[str, dict[str, Any]] = {}
    batch = options.batch
    while not batches or (batch and any(result is None for result in batches[str(2 * batch)].values())):
        runs: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS[device]}
        for _ in range(options.rounds):
            for way in runs:
                runs[way] += _in_own_process(way, device, batch, options)
        batches[str(batch)] = {way: _summary(run, batch) if len(run) == options.rounds else None for way, run in runs.items()}
        batch //= 2
    return batches


def measure(way: str, device: str, params: Params, steps: int) -> dict[str, Any]:
    """Seconds of each step after the warm-up, and peak memory in MiB."""
    batch = make_batch(params, device)
    ours = way.startswith("ours")
    with repeatable(torch.device(device)) if ours else nullcontext():
        step = our_step(batch, params) if ours else plain_step(batch, params, device, getattr(torch, way))
        for _ in range(1 if device == "cpu" else 10):
            step()
        seconds = [_timed(step, device) for _ in range(steps)]
    return {"seconds": seconds, "peak_mib": _peak_mib(device)}


def our_step(batch: Batch, params: Params) -> Callable[[], object]:
    """The step of the trainer."""
    keep_freed_memory()
    learner = Learner(start_model(params, Path()), params, open_fabric())
    return lambda: learner.step(batch, RATE, 1, frozen_backbone=False).by_column()


def plain_step(batch: Batch, params: Params, device: str, dtype: torch.dtype) -> Callable[[], object]:
    """The same step, implemented straightforwardly: one precision throughout, default memory format."""
    model = start_model(params, Path()).to(device=device, dtype=dtype)
    optimizer: Any = make_optimizer(model, params.train)
    set_train_mode(model, frozen_backbone=False)
    norms = batch_norms(model)
    label, of_heads = batch.targets.to(torch.device(device))
    targets = BatchTargets(label.to(dtype), {name: part.to(dtype) if part.is_floating_point() else part for name, part in of_heads.items()})
    train = params.train.model_copy(update={"gamma": 2, "label_smoothing": 0.1, "recipe": "paper"})

    def gradients() -> float:
        optimizer.zero_grad()
        output = model(model.normalise(batch.images))
        losses = total_loss(output, targets, head_weights(params), LossContext(train))
        losses.total.backward()  # type: ignore[no-untyped-call]
        return float(losses.total.detach())

    def step() -> None:
        gradients()
        with fixed_batch_statistics(norms):
            optimizer.step(gradients)

    return step


def make_batch(params: Params, device: str) -> Batch:
    """Random images, with targets like those of pseudo-fakes: a few points, half of the images real."""
    torch.manual_seed(0)
    images, size = params.train.batch_size, params.crops.size
    side = size // STRIDE
    label = (torch.arange(images) >= images // 2).float()
    heatmap = (torch.rand(images, 1, side, side) > 0.999).float() * label[:, None, None, None]
    consistency, anchor = torch.rand(images, 1, side, side), torch.randint(side, (images, 2))
    pixels = torch.randint(256, (images, 3, size, size), dtype=torch.uint8)
    encoded = Targets(heatmap, consistency, [image[0].nonzero() for image in heatmap], anchor)
    source = TargetSource(pixels, label, torch.rand(images // 2, 1, size, size), encoded)
    return Batch(pixels.to(device), BatchTargets(label, head_targets(source, params.model.heads)), [])


def _timed(step: Callable[[], object], device: str) -> float:
    if device == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    step()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def _peak_mib(device: str) -> int:
    """Peak memory of the GPU's allocator, or of this process."""
    if device == "cuda":
        return round(torch.cuda.max_memory_allocated() / 2**20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def _in_own_process(way: str, device: str, batch: int, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Measurements of one implementation; empty if it ran out of memory."""
    shown = [f"--{name}={getattr(options, name)}" for name in ("size", "backbone", "steps") if getattr(options, name)]
    command = [sys.executable, "-m", "benchmarks.train", f"--way={way}", f"--device={device}", f"--batch={batch}", *shown]
    print(f"bench-train: {device}, {way}, {batch} images", file=sys.stderr, flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode in {OUT_OF_MEMORY, -signal.SIGKILL}:
        return []
    done.check_returncode()
    return [json.loads(done.stdout.splitlines()[-1])]


def _summary(runs: list[dict[str, Any]], batch: int) -> dict[str, float]:
    """Median, minimum and maximum images per second over all rounds, and peak memory."""
    rates = [batch / second for run in runs for second in run["seconds"]]
    figures = {"images_per_s": statistics.median(rates), "least": min(rates), "most": max(rates)}
    return {**{name: round(value, 4) for name, value in figures.items()}, "peak_mib": max(run["peak_mib"] for run in runs)}


def _print(report: dict[str, Any]) -> None:
    """Print a table for each batch size, with the speed relative to float64."""
    machine = report["machine"]
    print(f"{machine['device']}, {machine['cores']} cores, torch {machine['torch']}; {report['backbone']}, {report['size']} px")
    for batch, ways in report["batches"].items():
        print(f"\n{batch + ' images per step':20}{'images/s':>10}{'min':>10}{'max':>10}{'x float64':>11}{'peak MiB':>10}")
        for way, result in ways.items():
            print(f"{way:20}" + (_line(result, ways["float64"]) if result else "   does not fit into memory"))


def _line(result: dict[str, float], reference: dict[str, float] | None) -> str:
    ratio = f"{result['images_per_s'] / reference['images_per_s']:11.2f}" if reference else f"{'':11}"
    return f"{result['images_per_s']:10.3f}{result['least']:10.3f}{result['most']:10.3f}{ratio}{result['peak_mib']:10}"


def _params(options: argparse.Namespace) -> Params:
    """The paper's parameters at the requested size, with random weights, on which speed does not depend."""
    values = load_params(Path("presets/paper.yaml")).model_dump()
    values["model"] |= {"pretrained": False, "backbone": options.backbone}
    values["train"] |= {"batch_size": options.batch, "compile": options.way.endswith("compiled")}
    values["train"]["rho"] *= not options.way.endswith("without SAM")
    values["crops"]["size"] = options.size
    return Params.model_validate(values)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure images per second and peak memory of a training step.")
    add_device_option(parser)
    parser.add_argument("--batch", type=int, default=16, help="images per step (16)")
    parser.add_argument("--size", type=int, default=384, help="pixels of an image side (384)")
    parser.add_argument("--backbone", default="tf_efficientnet_b4.ap_in1k", help="timm name")
    parser.add_argument("--steps", type=int, help="measured steps per round (2 on a CPU, 50 on a GPU)")
    parser.add_argument("--rounds", type=int, default=2, help="rounds through all implementations (2)")
    parser.add_argument("--results", default="", help="name of the file in benchmarks/results (train_<device>.json)")
    parser.add_argument("--way", default="", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
