"""Measure seconds per video from video to Mask-SSIM: `make bench-media`, or `python -m benchmarks.media --help`.

Runs the functions of the stages with their workers on the shared real clips and video pairs: 32 frames per video, the demo's parameters,
crops of 384 pixels as in the paper. They are interleaved with the plain implementation (`benchmarks.plain_media`), so that other load on a
shared machine affects both. The time to start the workers, which a long run needs once, is reported separately. The plain implementation
is one process whose decoder may use all cores. It keeps no frames and computes no Mask-SSIM, so the comparison ends at the landmarks. It
searches faces in the sampled frames, and once, as an alternative, in every frame.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.media_agreement import agreement
from benchmarks.media_costs import hash_rates, png_costs, shape_of
from benchmarks.plain_media import PlainFaces, PlainWay
from laanet_core.datasets.index import IndexRow, read_index, write_index
from laanet_core.media.faces.crops import crop_faces
from laanet_core.media.faces.landmarks import cache_landmarks
from laanet_core.media.frames import extract_frames
from laanet_core.params import Params, load_params
from laanet_core.quality.measure import QualityFiles, QualityTables, score_quality
from laanet_core.runtime.executor import open_executor
from laanet_core.store.csv_io import read_table
from laanet_core.store.digests import file_digest
from laanet_core.store.work_dir import WorkDir

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
SHARED = ROOT.parent / "shared" / "data"
ASSETS = ROOT / "data" / "assets"
FRAMES = 32
SIZE = 384
STEPS = ["frames", "crops", "landmarks", "quality"]


@dataclass(frozen=True)
class Outputs:
    """Output paths of a run: an index, and one folder for each step."""

    folder: Path

    @property
    def index(self) -> Path:
        """Path of the index."""
        return self.folder / "index.csv"

    @property
    def landmarks(self) -> Path:
        """Path of the HDF5 file of landmarks."""
        return self.folder / "landmarks" / "all.h5"

    def bytes_of(self, step: str) -> int:
        """Bytes of a step's outputs."""
        return sum(path.stat().st_size for path in (self.folder / step).rglob("*") if path.is_file())


def main() -> None:
    """Measure, print a table and write the results."""
    options = _options()
    if not SHARED.is_dir() or not ASSETS.is_dir():
        sys.exit(f"error: {SHARED} or {ASSETS} not found; it needs the shared real videos, and weights from 'dvc repro assets'.")
    params = load_params(ROOT / "presets" / "demo.yaml")
    params = params.model_copy(
        update={
            "frames": params.frames.model_copy(update={"count": dict.fromkeys(params.frames.count, FRAMES)}),
            "crops": params.crops.model_copy(update={"size": SIZE, "max_side": options.max_side or params.crops.max_side}),
        }
    )
    with tempfile.TemporaryDirectory(prefix="bench-media.") as folder:
        report = measure(Path(folder), params, options)
    from benchmarks.machine import describe_machine  # not at the top: worker processes import this module, and need no torch

    report = {"machine": describe_machine("cpu"), "frames": FRAMES, "crop_size": SIZE, "max_side": params.crops.max_side, **report}
    _print(report)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "media_cpu.json").write_text(json.dumps(report, indent=1) + "\n")


def measure(folder: Path, params: Params, options: argparse.Namespace) -> dict[str, Any]:
    """All figures. folder: holds videos, outputs and work items."""
    warm_up, _ = make_index(folder / "warm-up", 2 * max(options.workers), ["real_clips/d0.mp4"])
    index, paths = make_index(folder / "videos", 1, [])
    ours: dict[int, list[dict[str, float]]] = defaultdict(list)
    plain_rounds: list[dict[str, float]] = []
    plain: dict[str, PlainFaces] = {}
    for number in range(options.rounds):
        for workers in options.workers:
            _tell(f"round {number + 1} of {options.rounds}, {workers} worker{'s' * (workers > 1)}")
            ours[workers].append(run_ours(folder / "out", warm_up, index, params, workers))
        _tell(f"round {number + 1} of {options.rounds}, the plain implementation")
        plain = run_plain(folder, paths, sampled_frames(folder / "out"), params)
        plain_rounds.append(_plain_seconds(plain))
    every = None
    if options.every:
        _tell("the plain implementation with every frame searched: takes minutes, once")
        every = _plain_seconds(run_plain(folder, paths, sampled_frames(folder / "out"), params, every=True))
    outputs = Outputs(folder / "out")
    return {
        "videos": len(paths),
        "rounds": options.rounds,
        "ours": {str(workers): _summary(runs, workers, len(paths)) for workers, runs in ours.items()},
        "plain": _summary(plain_rounds, 1, len(paths)),
        "plain_every_frame": _summary([every], 1, len(paths)) if every else None,
        "agreement": agreement(outputs.folder / "crops" / "faces.csv", outputs.landmarks, plain, SIZE),
        "bytes_a_video": {step: outputs.bytes_of(step) // len(paths) for step in STEPS[:3]}
        | {
            "videos": sum(path.stat().st_size for path in paths.values()) // len(paths),
            "plain": sum(faces.bytes for faces in plain.values()) // len(paths),
        },
        "costs": {**shape_of(outputs.folder / "frames", outputs.index), **png_costs(outputs.folder / "frames"), **hash_rates()},
    }


def make_index(folder: Path, copies: int, only: list[str]) -> tuple[Path, dict[str, Path]]:
    """An index of shared videos (the ones named in `only`, or all), each `copies` times under different ids, and a map of id to path."""
    found = [path for part in ("real_clips/*.*", "video_pairs/*/*.*") for path in sorted(SHARED.glob(part))]
    rows, paths = [], {}
    for copy in range(copies):
        for path in found:
            name = str(path.relative_to(SHARED))
            if name in only or not only:
                row = _row(f"{copy}/{name}", path)
                link = folder / row.path
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(path)
                rows.append(row)
                paths[row.video_id] = link
    write_index(folder / "index.csv", rows)
    return folder / "index.csv", paths


def _row(name: str, path: Path) -> IndexRow:
    """A row of the index: `fake.*` is made from the `real.*` in the same folder."""
    video_id = name.rpartition(".")[0]
    fake = path.stem == "fake"
    source = f"{video_id.rpartition('/')[0]}/real" if fake else ""
    kind = {"label": int(fake), "method": "swap" if fake else "real", "compression": "", "split": "test"}
    file = {"size_bytes": path.stat().st_size, "digest": file_digest(path)}
    return IndexRow(video_id=video_id, path=name, source_id=source, person=source or video_id, **kind, **file)  # type: ignore[arg-type]


def run_ours(out: Path, warm_up: Path, index: Path, params: Params, workers: int) -> dict[str, float]:
    """Seconds of each step and of a warm-up run that starts the workers, and peak MiB of the largest worker; outputs go to `out`."""
    os.environ["LAANET_WORKERS"] = str(workers)
    with open_executor() as executor:
        before = time.perf_counter()
        run_steps(out, warm_up, params, executor)
        start = time.perf_counter() - before
        seconds = run_steps(out, index, params, executor)
        peak = max(future.result() for future in [executor.submit(peak_mib) for _ in range(4 * workers)])
    return {**seconds, "start": start, "peak_mib": peak}


def run_steps(out: Path, index: Path, params: Params, executor: Executor) -> dict[str, float]:
    """Run the four steps from scratch; gives the seconds of each."""
    shutil.rmtree(out, ignore_errors=True)
    outputs, rows = Outputs(out), read_index(index)
    seconds: dict[str, float] = {}
    write_index(outputs.index, rows)
    crops, csv = out / "crops", outputs.landmarks.with_suffix(".csv")
    with timed(seconds, "frames"), work_of(out, "frames") as work:
        extract_frames(rows, index.parent, out / "frames", params.frames, work, executor)
    with timed(seconds, "crops"), work_of(out, "crops") as work:
        crop_faces(out / "frames", crops, params.crops, ASSETS, work, executor)
    with timed(seconds, "landmarks"), work_of(out, "landmarks") as work:
        cache_landmarks(crops, outputs.landmarks, csv, ASSETS, work, executor)
    files = QualityFiles(outputs.index, out / "frames", crops, outputs.landmarks)
    with timed(seconds, "quality"), work_of(out, "quality") as work:
        score_quality(files, QualityTables.of(out / "quality", "all"), params.quality, params.crops.size, work, executor)
    return seconds


@contextmanager
def work_of(out: Path, step: str) -> Iterator[WorkDir]:
    """The work folder of a step, locked as in its stage."""
    work = WorkDir(step, out / "work")
    with work.lock():
        yield work


@contextmanager
def timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    """Record the wall-clock seconds of the block."""
    before = time.perf_counter()
    yield
    seconds[step] = time.perf_counter() - before


def peak_mib() -> int:
    """Peak resident memory of this process in MiB."""
    time.sleep(0.05)  # so that each of the other workers gets a call
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))


def sampled_frames(out: Path) -> dict[str, set[int]]:
    """Map each video to the frame numbers that the frames stage sampled."""
    found: dict[str, set[int]] = defaultdict(set)
    for row in read_table(out / "crops" / "faces.csv", ["video_id", "frame"]):
        found[row["video_id"]].add(int(row["frame"]))
    return found


def run_plain(
    folder: Path, paths: dict[str, Path], numbers: dict[str, set[int]], params: Params, every: bool = False
) -> dict[str, PlainFaces]:
    """Map each video to the results of the plain implementation."""
    out = folder / "plain"
    shutil.rmtree(out, ignore_errors=True)
    plain = PlainWay(ASSETS, params.crops.size, params.crops.min_score)
    return {name: plain.run(path, numbers[name], out / name, every) for name, path in paths.items()}


def _plain_seconds(found: dict[str, PlainFaces]) -> dict[str, float]:
    """Seconds per step, summed over all videos."""
    return {step: sum(faces.seconds[step] for faces in found.values()) for step in ("decode", "detect", "crop", "landmarks")}


def _summary(runs: list[dict[str, float]], workers: int, videos: int) -> dict[str, Any]:
    """Medians over rounds: wall-clock seconds per video by step and in total, videos per minute, start of the workers, largest peak."""
    steps = [step for step in runs[0] if step not in ("start", "peak_mib")]
    totals = [sum(run[step] for step in steps) for run in runs]
    figures: dict[str, Any] = {step: round(statistics.median(run[step] for run in runs) / videos, 4) for step in steps}
    total = statistics.median(totals)
    figures |= {"seconds_a_video": round(total / videos, 4), "videos_a_minute": round(60 * videos / total, 2)}
    compared = statistics.median(sum(run[step] for step in steps if step != "quality") for run in runs)
    figures |= {"seconds_to_landmarks": round(compared / videos, 4), "videos_a_minute_to_landmarks": round(60 * videos / compared, 2)}
    figures["least_and_most"] = [round(value / videos, 4) for value in (min(totals), max(totals))]
    if "start" in runs[0]:
        figures |= {"workers": workers, "start_s": round(statistics.median(run["start"] for run in runs), 2)}
        figures["peak_mib"] = max(run["peak_mib"] for run in runs)
    return figures


def _print(report: dict[str, Any]) -> None:
    """Print a table of the implementations, then agreement and bytes."""
    machine, ways = report["machine"], {f"ours, {workers} worker(s)": found for workers, found in report["ours"].items()}
    ways |= {"plain": report["plain"], "plain, every frame": report["plain_every_frame"]}
    print(f"{machine['device']}, {machine['cores']} cores; {report['videos']} videos, {FRAMES} frames each, {SIZE} px crops")
    print(f"{'':22}{'s/video':>10}{'videos/min':>11}{'to landmarks':>13}{'x plain':>9}{'x every':>9}  seconds per video by step")
    for way, found in ways.items():
        if found:
            compared = found["videos_a_minute_to_landmarks"]
            ratios = [f"{compared / other['videos_a_minute_to_landmarks']:9.2f}" if other else "" for other in list(ways.values())[-2:]]
            shares = ", ".join(f"{step} {seconds}" for step, seconds in found.items() if step in {*STEPS, "decode", "detect", "crop"})
            print(f"{way:22}{found['seconds_a_video']:10.3f}{found['videos_a_minute']:11.1f}{compared:13.1f}{''.join(ratios)}  {shares}")
    print("agreement with the plain implementation:", json.dumps(report["agreement"]))
    print("bytes per video:", json.dumps(report["bytes_a_video"]))
    print("start of workers (s), peak MiB of a worker:", [(found["start_s"], found["peak_mib"]) for found in report["ours"].values()])


def _tell(what: str) -> None:
    print(f"bench-media: {what}", file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure videos per minute from video to Mask-SSIM, against a plain implementation.")
    parser.add_argument("--rounds", type=int, default=3, help="measured rounds of each implementation (3)")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="numbers of workers (1 2)")
    parser.add_argument("--max-side", type=int, default=0, help="value for crops.max_side (default: the demo preset's)")
    parser.add_argument("--no-every", dest="every", action="store_false", help="skip the plain implementation that searches every frame")
    return parser.parse_args()


if __name__ == "__main__":
    main()
