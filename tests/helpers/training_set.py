"""A training set of noise images with facial landmarks, and trainings on it that take a few seconds.

`python -m tests.helpers.training_set DATASET OUT` runs one such training with the parameters of OUT/params.json.
"""

from __future__ import annotations

import io
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import torch

from laanet_core.datasets.index import IndexRow, write_index
from laanet_core.params import Params, load_params
from laanet_core.store.account import Account
from laanet_core.store.csv_io import write_table
from laanet_core.training.batch import Batch
from laanet_core.training.dataset import Clip, TrainingBatches, read_clips
from laanet_core.training.loader import Crops, make_loader
from laanet_core.training.pairs import PairBatches
from laanet_core.training.partners import partners_of
from laanet_core.training.trainer import TrainingFiles, train
from tests.helpers.paths import ROOT
from tests.helpers.shards import content_digest

MADE = Account({"lambda2": 1}, {"crops/noise": "digest"}, "code")
"""Account (provenance record) stored with these trainings."""
SIZE, FRAMES = 64, 6
CURVES = [f"reports/plots/metrics/{name}.tsv" for name in ("train/loss", "train/learning_rate", "val/auc", "val/loss")]
OUTPUTS = ["out/model.safetensors", "out/last.safetensors", "reports/log.csv", "reports/metrics.json", *CURVES]
SPLITS = {"a": "train", "b": "train", "c": "train", "v": "val", "w": "val", "faceless": "train"}
FAKES = {"fake": "train", "fake_too": "train", "fake_val": "val"}


def params_of(seed: int = 1, model: dict[str, Any] | None = None, top: dict[str, Any] | None = None, **train_changes: Any) -> Params:
    """The demo's parameters, reduced to a few seconds of training; model, top, train_changes: changes by section."""
    values = load_params(ROOT / "presets" / "demo.yaml").model_dump()
    values |= {"seed": seed, **(top or {})}
    values["crops"]["size"] = SIZE
    values["model"] |= {"backbone": "test_efficientnet", "pretrained": False, **(model or {})}
    values["train"] |= {
        "epochs": 3,
        "frames_per_epoch": 4,
        "batch_size": 4,
        "freeze_epochs": 1,
        "save_every": 2,
        "ema": None,
        **train_changes,
    }
    return Params.model_validate(values)


def write_training_set(root: Path) -> Path:
    """Write crops, landmarks and index: three real train videos, two val, one without a face, and fakes that only `fakes: dataset` uses."""
    videos = {**SPLITS, **FAKES}
    rows = [IndexRow(name, f"{name}.mp4", int(name in FAKES), "real", "", split, "", name, 1, "0") for name, split in videos.items()]
    write_index(root / "index.csv", rows)
    with h5py.File(root / "landmarks.h5", "w") as store:
        for seed, name in enumerate(name for name in videos if name != "faceless"):
            _write_video(root, store, name, seed)
    write_videos_csv(root / "crops")
    return root


def write_videos_csv(crops: Path) -> None:
    """Write videos.csv of a folder of shards, with the columns that a training reads."""
    shards = sorted(crops.glob("*.tar"))
    rows = [{"video_id": shard.stem, "digest": content_digest(shard)} for shard in shards]
    write_table(crops / "videos.csv", ["video_id", "digest"], [*rows, {"video_id": "faceless", "digest": ""}])


def clips_of(dataset: Path, split: Any = "train") -> list[Clip]:
    """The real clips of a split."""
    return read_clips(split, dataset / "crops", dataset / "landmarks.h5", dataset / "index.csv", blend_size=SIZE).clips


def crops_of(clips: list[Clip], params: Params, fakes: list[Clip] | None = None) -> Crops:
    """The stored crops of clips, with partners if the parameters require them."""
    return Crops(clips, params.seed, params.crops.size, partners_of(clips, fakes, params, torch.device("cpu")))


def batches_of(dataset: Path, params: Params, workers: int = 0) -> Iterator[Batch]:
    """The batches of a training on the real train clips."""
    clips = clips_of(dataset)
    samples = make_loader(crops_of(clips, params), TrainingBatches(clips, params), workers)
    return iter(PairBatches(samples, params, torch.device("cpu"), augmented=True))


def run_training(params: Params, dataset: Path, out: Path) -> None:
    """Run a complete training that writes to `out`."""
    inputs = (dataset / "crops", dataset / "landmarks.h5", dataset / "index.csv", dataset / "assets")
    train(params, TrainingFiles(*inputs, out / "out", out / "reports"), out / "work", MADE)


def bytes_of(out: Path) -> dict[str, bytes]:
    """Every output of a training."""
    return {name: (out / name).read_bytes() for name in OUTPUTS}


def _face_points(random: np.random.Generator) -> np.ndarray[Any, np.dtype[np.float32]]:
    """68 points on rings around the centre of a crop, with random radii."""
    angle = np.linspace(0, 2 * np.pi, 68)
    radius = np.where(np.arange(68) < 27, 20, 8) + random.uniform(-1, 1, 68)
    points = SIZE / 2 + np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return points.astype(np.float32)


def _write_video(root: Path, store: h5py.File, video_id: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    (root / "crops").mkdir(exist_ok=True, parents=True)
    with tarfile.open(root / "crops" / f"{video_id}.tar", "w") as archive:
        _add_member(archive, f"{video_id}/video.json", b'{"reason": "", "status": "ok"}')
        for frame in range(FRAMES):
            noise = random.integers(0, 256, (8, 8, 3)).astype(np.uint8)
            picture = cv2.imencode(".png", cv2.resize(noise, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC))[1].tobytes()
            _add_member(archive, f"{video_id}/{frame * 5:06d}.png", picture)
    store[f"{video_id}/points"] = np.stack([_face_points(random) for _ in range(FRAMES)])
    store[f"{video_id}/frames"] = np.arange(FRAMES, dtype=np.int32) * 5
    store[f"{video_id}/faces"] = np.zeros(FRAMES, dtype=np.int32)


def _add_member(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def train_as_described(dataset: Path, out: Path) -> None:
    """Run a training that writes to `out`, with the parameters of out/params.json."""
    run_training(Params.model_validate_json((out / "params.json").read_text()), dataset, out)


if __name__ == "__main__":
    train_as_described(*map(Path, sys.argv[1:]))
