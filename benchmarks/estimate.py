"""Estimate the cost of FF++ and DFDC on 1, 8 and 64 workers: `make estimate`, or `python -m benchmarks.estimate --help`.

Computed from the seconds per frame and bytes per pixel in benchmarks/results/media_cpu.json, which names its machine, and from the
assumptions below; nothing is measured here. Work hours = frames x seconds per frame / workers. Serial hours = work of one process while the
workers wait. docs/scale.md explains the parts.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
WORKERS = (1, 8, 64)
GB = 1e9


@dataclass(frozen=True)
class DataSet:
    """Size of a data set.

    videos, frames: totals, of which frames are the sampled ones; pixels: per frame; file_frames: frames per file; fake_share: fraction of
    videos that are fakes with a source; raw_gb: gigabytes of the videos.
    """

    name: str
    videos: int
    frames: int
    pixels: int
    file_frames: int
    fake_share: float
    raw_gb: float


@dataclass(frozen=True)
class Machine:
    """Rates in bytes per second.

    md5: DVC's hashing of new outputs, in one thread; sha256: the first scan of the index, in one process; disk: the shared file system,
    for all workers together; per_video_s: seconds of the coordinator per video and stage (task, record, row, link, DVC's directory entry).
    """

    md5: float
    sha256: float
    disk: float
    per_video_s: float


DATA_SETS = (
    # 3,600 train, 700 val and 700 test videos, of which a fifth is real, at 128, 32 and 32 frames; mostly 720p, some 500 frames each
    DataSet("FF++ c23", 5_000, 3_600 * 128 + 1_400 * 32, 1280 * 720, 500, 0.8, 10.0),
    # 119,154 videos for training at 128 frames and 5,000 for the test at 32; ten seconds of 1080p; 472 GB as distributed
    DataSet("DFDC", 124_154, 119_154 * 128 + 5_000 * 32, 1920 * 1080, 300, 0.84, 472.0),
)


def main() -> None:
    """Print the tables."""
    options = _options()
    measured = json.loads((RESULTS / "media_cpu.json").read_text())
    costs = measured["costs"]
    machine = Machine(costs["md5_mb_a_s"] * 1e6, costs["sha256_mb_a_s"] * 1e6, options.disk_mb * 1e6, options.video_ms / 1e3)
    print(f"measured on {measured['machine']['device']}, one worker, max_side {measured['max_side']}; MD5 {machine.md5 / 1e6:.0f} MB/s")
    print(f"assumed: {machine.disk / 1e6:.0f} MB/s from the file system, {options.video_ms:g} ms of the coordinator per video and stage")
    for data in DATA_SETS:
        _print(data, gigabytes(data, measured), work_hours(data, measured), machine)


def gigabytes(data: DataSet, measured: dict[str, Any]) -> dict[str, float]:
    """Map each step to the gigabytes of its output: frames scale with pixels, crops and landmarks with their number."""
    costs, sizes = measured["costs"], measured["bytes_a_video"]
    frame = {step: sizes[step] / costs["frames_a_video"] for step in ("frames", "crops", "landmarks")}
    larger = data.pixels / costs["pixels_a_frame"]
    return {"raw": data.raw_gb} | {step: size * (larger if step == "frames" else 1) * data.frames / GB for step, size in frame.items()}


def work_hours(data: DataSet, measured: dict[str, Any]) -> dict[str, float]:
    """Map each step to its hours on one worker.

    Decoding scales with the pixels of the file up to its last sampled frame, reading and writing frames with the sampled pixels. Face
    detection (whose image size is bounded), crops, landmarks and Mask-SSIM scale with the number of sampled frames.
    """
    costs = measured["costs"]
    ours = {step: measured["ours"]["1"][step] / costs["frames_a_video"] for step in ("frames", "crops", "landmarks", "quality")}
    larger = data.pixels / costs["pixels_a_frame"]
    longer = data.file_frames / costs["file_frames_a_video"]
    read, encode = costs["read_s_a_frame"], costs["encode_s_a_frame"]
    compared = ours["quality"] * measured["videos"] / costs["fakes"]
    seconds = {
        "decode": (ours["frames"] - encode) * costs["frames_a_video"] * data.videos * larger * longer,
        "frames as PNG": encode * larger * data.frames,
        "crops": (read * larger + ours["crops"] - read) * data.frames,
        "landmarks": ours["landmarks"] * data.frames,
        "quality": (read * larger + compared - read) * data.frames * data.fake_share,
    }
    return {step: value / 3600 for step, value in seconds.items()}


def serial_hours(data: DataSet, sizes: dict[str, float], machine: Machine) -> dict[str, float]:
    """Map each part that more workers do not speed up to its hours."""
    written = (sizes["frames"] + sizes["crops"]) * GB
    return {
        "index (SHA-256 of the videos, once)": data.raw_gb * GB / min(machine.sha256, machine.disk) / 3600,
        "DVC (MD5 of frames and crops, once)": written / min(machine.md5, machine.disk) / 3600,
        "coordinator": 4 * data.videos * machine.per_video_s / 3600,
    }


def disk_hours(sizes: dict[str, float], machine: Machine) -> float:
    """Minimum hours of the disk: frames are written once and read by crops, hashing and quality; crops and videos likewise."""
    moved = 3.8 * sizes["frames"] + 3 * sizes["crops"] + 2 * sizes["raw"]
    return moved * GB / machine.disk / 3600


def _print(data: DataSet, sizes: dict[str, float], work: dict[str, float], machine: Machine) -> None:
    """Print the tables of one data set."""
    series, disk = serial_hours(data, sizes, machine), disk_hours(sizes, machine)
    in_series = sum(series.values())
    print(f"\n{data.name}: {data.videos:,} videos, {data.frames:,} frames sampled")
    print("  gigabytes: " + ", ".join(f"{step} {value:,.1f}" for step, value in sizes.items()))
    print("  worker hours: " + ", ".join(f"{step} {value:,.1f}" for step, value in work.items()))
    print("  serial hours: " + ", ".join(f"{part} {value:,.2f}" for part, value in series.items()))
    print(f"  {'workers':>8}{'work h':>10}{'disk h':>10}{'serial h':>10}{'total h':>10}  limited by")
    for workers in WORKERS:
        parts = {"processors": sum(work.values()) / workers, "the disk": disk, "the serial part": in_series}
        whole, most = max(parts["processors"], disk) + in_series, max(parts, key=lambda part: parts[part])
        print(f"  {workers:8}{parts['processors']:10,.1f}{disk:10,.1f}{in_series:10,.1f}{whole:10,.1f}  {most}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Estimate hours and gigabytes of FF++ and DFDC.")
    parser.add_argument("--disk-mb", type=float, default=1000, help="MB/s of the file system for all workers together (1000)")
    parser.add_argument("--video-ms", type=float, default=4, help="ms of the coordinator per video and stage (4)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
