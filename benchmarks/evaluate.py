"""Measure crops per second of scoring and of a complete evaluation: `make bench-eval`, or `python -m benchmarks.evaluate --help`.

The network is the paper's (B4 with E-FPN, 384 px) with random weights. Its forward pass runs on as many threads as an evaluation uses.
The project's implementation is compared with plain float64 and float32, bfloat16 and onnxruntime, interleaved, and with the limit that the
machine's float32 matrix product, measured in the same rounds, sets for the arithmetic of the logit. On a CPU, processor time of the
threads is counted, so that other processes on a shared machine have little influence. `benchmarks.whole_evaluation` measures the
complete evaluation in wall-clock time.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.machine import add_device_option, describe_machine, devices
from benchmarks.whole_evaluation import SIZE, kill_and_resume, paper_params, write_crops
from laanet_core.evaluation.evaluate import load_network
from laanet_core.evaluation.predict import CROPS_A_PASS
from laanet_core.model import LAANet, build_model, save_model
from laanet_core.model.export import export_onnx
from laanet_core.model.forward import forward
from laanet_core.model.fusion import fuse_batch_norms
from laanet_core.runtime.executor import worker_count
from laanet_core.runtime.memory import keep_freed_memory

RESULTS = Path(__file__).parent / "results"
SQUARE = 2048
BATCH = 16
GOALS = {"times_float64": 4.0, "limit_over_frames": 2.5}


class Way(NamedTuple):
    """One implementation of scoring. call: scores a batch; crops: crops per call; calls: calls per thread and round."""

    call: Callable[[], object]
    crops: float
    calls: int


def main() -> None:
    """Measure, print tables and write the results."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="bench-eval.") as name:
        folder = Path(name)
        write_networks(folder)
        write_crops(folder, options.videos)
        _tell(f"an evaluation of {options.videos} videos")
        whole = {"evaluation": kill_and_resume(folder, options.videos)}
        measured_on = devices(options.device)
        measured = {device: measure(device, folder, options.rounds) for device in measured_on}
    for device, found in measured.items():
        scored = whole if device == measured_on[-1] else {}
        gpu = {} if torch.cuda.is_available() else {"gpu": "not run: no GPU"}
        report = {"machine": describe_machine(device), "backbone": paper_params().model.backbone, "size": SIZE, **found, **scored, **gpu}
        _print(report)
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"eval_{device}.json").write_text(json.dumps(report, indent=1) + "\n")


def write_networks(folder: Path) -> None:
    """Write a checkpoint with random weights, and one without the auxiliary heads."""
    params = paper_params().model
    torch.manual_seed(0)
    save_model(build_model(params, None, SIZE), folder / "model.safetensors")
    save_model(build_model(params.model_copy(update={"heads": []}), None, SIZE), folder / "logit.safetensors")


def measure(device: str, folder: Path, rounds: int) -> dict[str, Any]:
    """Figures of each implementation on a device, and of the matrix product."""
    keep_freed_memory()
    _tell(f"{device}: implementations")
    model = load_network(folder / "model.safetensors", SIZE)
    gflop = {"network": _gflop(model), "logit": _gflop(load_network(folder / "logit.safetensors", SIZE))}
    rates = interleaved(device, {**ways(device, folder), "product": _product(device)}, rounds)
    products = rates.pop("product")
    limits = [rate / gflop["logit"] for rate in products]
    limit = {"gflop_per_s": statistics.median(products), "frames_per_s": statistics.median(limits)}
    return {
        "workers": worker_count(),
        "rounds": rounds,
        "gflop_a_frame": {part: round(value, 2) for part, value in gflop.items()},
        "matrix_product": {name: round(value, 2) for name, value in limit.items()},
        "ways": {name: _figures(values, rates["float64"], limits) for name, values in rates.items()},
    }


def ways(device: str, folder: Path) -> dict[str, Way]:
    """The implementations for a device: `ours` is what an evaluation uses, `float32, batches` what it used earlier."""
    model = load_network(folder / "model.safetensors", SIZE).to(device)
    double = load_network(folder / "model.safetensors", SIZE).to(device).double()
    ours, short = fuse_batch_norms(model, SIZE), fuse_batch_norms(model, SIZE).bfloat16()
    if device == "cuda":
        return {
            "float64": _plain_way(double, BATCH, 2), "float32, batches": _torch_way(model, BATCH, 20),
            "ours": _torch_way(ours, BATCH, 20), "bfloat16": _torch_way(short, BATCH, 20),
        }  # fmt: skip
    return {
        "float64": _plain_way(double, 4, 1),
        "float32": _plain_way(model, 1, BATCH),
        "float32, batches": _torch_way(model, BATCH, 1),
        "ours": _torch_way(ours, CROPS_A_PASS, BATCH // CROPS_A_PASS),
        "bfloat16": _torch_way(short, 4, BATCH // 4),
        "onnxruntime": _onnx_way(folder),
    }


def _plain_way(model: LAANet, crops: int, calls: int) -> Way:
    """The straightforward implementation, in contiguous memory format, which is the faster one for float64."""
    images = torch.randint(256, (crops, 3, SIZE, SIZE), dtype=torch.uint8)

    @torch.inference_mode()
    def call() -> torch.Tensor:
        logit: torch.Tensor = model(model.normalise(images)).logit.cpu()
        return logit

    return Way(call, crops, calls)


def _torch_way(model: LAANet, crops: int, calls: int) -> Way:
    """The implementation of the pipeline."""
    images = list(np.random.default_rng(0).integers(0, 256, (crops, SIZE, SIZE, 3), dtype=np.uint8))
    return Way(lambda: forward(model, images), crops, calls)


def _onnx_way(folder: Path) -> Way:
    """The exported network without auxiliary heads, one crop at a time, on the calling thread."""
    import onnxruntime

    export_onnx(folder / "logit.safetensors", folder / "logit.onnx")
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / "logit.onnx", settings, providers=["CPUExecutionProvider"])
    images = np.random.default_rng(0).standard_normal((1, 3, SIZE, SIZE), dtype=np.float32)
    return Way(lambda: session.run(["logit"], {"images": images}), 1, BATCH)


def _product(device: str) -> Way:
    """A product of float32 matrices, counted in billions of operations instead of crops."""
    left, right = torch.randn(2, SQUARE, SQUARE, device=device)
    return Way(lambda: float(torch.mm(left, right)[0, 0]), 2 * SQUARE**3 / 1e9, 10)


def _gflop(model: LAANet) -> float:
    """Billions of operations per crop; a multiplication and its addition count as two, as in the matrix product."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(model.normalise(torch.zeros(1, 3, SIZE, SIZE, dtype=torch.uint8)))
    return float(counter.get_total_flops()) / 1e9


def interleaved(device: str, found: dict[str, Way], rounds: int) -> dict[str, list[float]]:
    """Crops per second of all threads together, for each implementation and round, after one warm-up round."""
    rates: dict[str, list[float]] = {name: [] for name in found}
    clock = time.perf_counter if device == "cuda" else time.thread_time
    with ThreadPoolExecutor(worker_count(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for number in range(-1, rounds):
            _tell(f"round {number + 1} of {rounds}")
            for name, way in found.items():
                seconds = list(pool.map(lambda _, way=way: _seconds(way, clock), range(worker_count())))
                rates[name] += [sum(way.calls * way.crops / each for each in seconds)] * (number >= 0)
    return rates


def _seconds(way: Way, clock: Callable[[], float]) -> float:
    """Seconds that one thread needs for its part of a round."""
    start = clock()
    for _ in range(way.calls):
        way.call()
    return clock() - start


def _figures(rates: Sequence[float], float64: Sequence[float], limits: Sequence[float]) -> dict[str, float]:
    """Median, minimum and maximum; median ratios to the measurements of the same round."""
    ratios = {
        "times_float64": statistics.median(rate / slow for rate, slow in zip(rates, float64, strict=True)),
        "limit_over_frames": statistics.median(limit / rate for rate, limit in zip(rates, limits, strict=True)),
    }
    figures = {"frames_per_s": statistics.median(rates), "least": min(rates), "most": max(rates), **ratios}
    return {name: round(value, 3) for name, value in figures.items()}


def _print(report: dict[str, Any]) -> None:
    """Print a table of the implementations, the goals, and the complete evaluation."""
    machine, limit, ours = report["machine"], report["matrix_product"], report["ways"]["ours"]
    print(f"\n{machine['device']}, {report['workers']} workers, torch {machine['torch']}; {report['backbone']}, {SIZE} px")
    print(f"matrix product: {limit['gflop_per_s']} GFLOP/s, which would be {limit['frames_per_s']} frames/s\n")
    print(f"{'':20}{'frames/s':>10}{'min':>10}{'max':>10}{'x float64':>11}{'limit / it':>12}")
    for name, way in report["ways"].items():
        speed = f"{way['frames_per_s']:10.2f}{way['least']:10.2f}{way['most']:10.2f}"
        print(f"{name:20}{speed}{way['times_float64']:11.2f}{way['limit_over_frames']:12.2f}")
    print(f"\nours: {ours['times_float64']} times float64 (goal: at least {GOALS['times_float64']})")
    print(f"limit: {ours['limit_over_frames']} times ours (goal: at most {GOALS['limit_over_frames']})")
    print(json.dumps({name: report[name] for name in ("evaluation", "gpu") if name in report}, indent=1))


def _tell(what: str) -> None:
    print(f"bench-eval: {what}", file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure crops per second of scoring and of a complete evaluation.")
    add_device_option(parser)
    parser.add_argument("--videos", type=int, default=20, help="videos of the complete evaluation (20)")
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds (5)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
