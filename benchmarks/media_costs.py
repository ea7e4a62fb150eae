"""Inputs of `benchmarks.estimate` from a measured run: size of its videos, and cost of PNG and hashing on this machine."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from laanet_core.media.storage.shards import Shard, encode_png, read_rgb
from laanet_core.store.csv_io import read_table

HASHED = 1 << 28


def shape_of(frames: Path, index: Path) -> dict[str, float]:
    """Sampled frames per video, pixels per sampled frame, frames per file and number of fakes of a frames folder and its index."""
    rows = read_table(frames / "videos.csv", ["n_frames", "frame_count", "width", "height"])
    count = sum(int(row["n_frames"]) for row in rows)
    pixels = sum(int(row["n_frames"]) * int(row["width"]) * int(row["height"]) for row in rows)
    return {
        "frames_a_video": round(count / len(rows), 2),
        "pixels_a_frame": round(pixels / count),
        "file_frames_a_video": round(sum(int(row["frame_count"]) for row in rows) / len(rows), 1),
        "fakes": sum(row["label"] == "1" for row in read_table(index, ["label"])),
    }


def png_costs(frames: Path) -> dict[str, float]:
    """Seconds per frame, on one core, to read the frames in the shards of a folder and to encode them as stored."""
    read = encode = 0.0
    count = 0
    for path in sorted(frames.rglob("*.tar")):
        with Shard(path) as shard:
            for name in [name for name in shard.names() if name.endswith(".png")]:
                start = time.perf_counter()
                rgb = read_rgb(shard, name)
                middle = time.perf_counter()
                encode_png(rgb)
                read, encode, count = read + middle - start, encode + time.perf_counter() - middle, count + 1
    return {"read_s_a_frame": round(read / count, 5), "encode_s_a_frame": round(encode / count, 5)}


def hash_rates() -> dict[str, float]:
    """MB/s of MD5 and SHA-256 on one core."""
    content = bytes(HASHED)
    rates: dict[str, float] = {}
    for name in ("md5", "sha256"):
        before = time.perf_counter()
        hashlib.new(name, content, usedforsecurity=False).digest()
        rates[f"{name}_mb_a_s"] = round(HASHED / 1e6 / (time.perf_counter() - before))
    return rates
