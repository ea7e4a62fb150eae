"""Scores and measures of one data set: tables for DVC and people, and a gallery for the report."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from laanet_core.datasets.index import read_index
from laanet_core.digests import file_digest
from laanet_core.errors import LaanetError
from laanet_core.evaluation import predict, tables
from laanet_core.evaluation.gallery import Scored, write_gallery
from laanet_core.evaluation.predict import ScoreTask, score_videos
from laanet_core.evaluation.tables import REPORTED, Row, note, score_table, write_results
from laanet_core.media import shards
from laanet_core.model import LAANet, backbone, checkpoint, heads, laanet, load_model, padding, pyramid
from laanet_core.parallel import one_thread
from laanet_core.params import Params
from laanet_core.status import Status
from laanet_core.summary import summarise
from laanet_core.tables import read_table
from laanet_core.work.folder import WorkDir, code_version, item_key
from laanet_core.work.outputs import output_path


@dataclass(frozen=True)
class EvaluationFiles:
    """What is scored. index: CSV; crops: folder of tars with videos.csv; quality: CSV of Mask-SSIM; checkpoint: safetensors file."""

    index: Path
    crops: Path
    quality: Path
    checkpoint: Path


def evaluate_dataset(name: str, params: Params, files: EvaluationFiles, out: Path, gallery: Path, work: WorkDir) -> str:
    """Score the videos of `evaluate.split` of one data set; returns the summary line.

    Writes scores.csv, frame_scores.csv, mask_ssim_bins.csv, roc.csv and metrics.json into `out`; sample crops, and copies of what the
    report reads, into `gallery`. A video without crops keeps its status and has no score.
    """
    rows = sorted((row for row in read_index(files.index) if row.split == params.evaluate.split), key=lambda row: row.video_id)
    videos = {row["video_id"]: row for row in read_table(files.crops / "videos.csv", ["video_id", "status", "reason", "digest"])}
    usable = [row.video_id for row in rows if videos[row.video_id]["status"] == Status.OK]
    model = _load_network(files.checkpoint, params.crops.size)
    tasks = {video_id: ScoreTask(model, output_path(files.crops, video_id, ".tar"), params.evaluate.batch_size) for video_id in usable}
    keys = _score_keys({video_id: videos[video_id]["digest"] for video_id in usable}, files.checkpoint, params.evaluate.batch_size)
    frames = score_videos(tasks, keys, work, f"evaluate {name}")
    table = score_table(rows, videos, frames, files.quality)
    write_results(table, frames, params, out)
    with one_thread():
        write_gallery(model, _scored(table), frames, files.crops, params.evaluate.gallery, gallery)
    for table_name in REPORTED:
        shutil.copyfile(out / table_name, gallery / table_name)
    return "; ".join(filter(None, [summarise(f"evaluate {name}", table), note(table, params.evaluate.split)]))


def _load_network(path: Path, size: int) -> LAANet:
    """The network in single precision, on the GPU where there is one; raises LaanetError when its crops had another size."""
    model = load_model(path)
    if model.image_size not in {None, size}:
        raise LaanetError(f"crops.size: {size}, but {path} was trained at {model.image_size}; set crops.size to that or train again.")
    return model.float().to("cuda" if torch.cuda.is_available() else "cpu")


def _score_keys(digests: Mapping[str, str], weights: Path, batch_size: int) -> dict[str, str]:
    """Work keys: the crops, the weights, and what scores them."""
    scorer = {
        "weights": file_digest(weights), "batch_size": batch_size, "torch": torch.__version__, "cuda": torch.cuda.is_available(),
        "code": code_version(predict, tables, shards, backbone, checkpoint, heads, laanet, padding, pyramid),
    }  # fmt: skip
    return {video_id: item_key(crops=digest, **scorer) for video_id, digest in digests.items()}


def _scored(table: Sequence[Row]) -> list[Scored]:
    rows = (row for row in table if row["score"] is not None)
    return [Scored(row["video_id"], row["label"], row["method"], row["score"], row["mask_ssim"]) for row in rows]
