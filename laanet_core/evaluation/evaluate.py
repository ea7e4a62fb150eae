"""The evaluation of one data set: its scores and measures, written as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from laanet_core.datasets.index import IndexRow, read_index
from laanet_core.errors import LaanetError
from laanet_core.evaluation.predict import ScoreTask, score_shard, score_videos
from laanet_core.evaluation.result_tables import REPORTED, note, score_table, write_results
from laanet_core.evaluation.scoring import FrameScore, Scoring, describe, frame_scores
from laanet_core.model import LAANet, load_model
from laanet_core.model.calibration import pick_calibration
from laanet_core.model.fusion import fuse_batch_norms
from laanet_core.params import EvaluateParams, Params
from laanet_core.status import Status, summarise
from laanet_core.store.account import ENTRY, Account, chosen, flatten, input_digest
from laanet_core.store.artefacts import NETWORK
from laanet_core.store.code import code_key
from laanet_core.store.csv_io import read_table
from laanet_core.store.outputs import output_path
from laanet_core.store.snapshot import Snapshot
from laanet_core.store.work_dir import WorkDir, item_key
from laanet_core.store.writing import copy_file

Videos = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class EvaluationFiles:
    """Inputs of the evaluation. index: CSV; crops: folder of tars with videos.csv; quality: CSV of Mask-SSIM; bins: CSV of the
    Mask-SSIM bins; checkpoint: safetensors file."""

    index: Path
    crops: Path
    quality: Path
    bins: Path
    checkpoint: Path


class ScoredVideo(NamedTuple):
    """A scored video. label: 1 fake, 0 real; mask_ssim: None for real videos and for fakes without a source video."""

    video_id: str
    label: int
    method: str
    score: float
    mask_ssim: float | None


class Evaluation(NamedTuple):
    """A scored data set. model: the network; videos: those with a score; frames: video_id -> scores of its faces; digests: video_id ->
    digest of the contents of its tar of crops; summary: one line to print."""

    model: LAANet
    videos: list[ScoredVideo]
    frames: dict[str, list[FrameScore]]
    digests: dict[str, str]
    summary: str


def evaluate_dataset(name: str, params: Params, files: EvaluationFiles, out: Path, work: WorkDir) -> Evaluation:
    """Score the videos of `evaluate.split` of one data set.

    Writes scores.csv, frame_scores.csv, measures.csv, mask_ssim_bins.csv, roc.csv, scoring.json and metrics.json into `out`. A video
    without crops keeps its status and gets no score.
    """
    rows = rows_of_split(files.index, params.evaluate.split)
    videos = read_videos(files.crops)
    model, weights = load_checkpoint(files.checkpoint, params.crops.size)
    scoring = scoring_of(params.evaluate, model, files.checkpoint)
    scorer = fuse_batch_norms(model, params.crops.size)
    digests = {video_id: videos[video_id]["digest"] for video_id in usable(rows, videos)}
    tasks = {
        video_id: ScoreTask(scorer, output_path(files.crops, video_id, ".tar"), digest, params.evaluate.batch_size, params.evaluate.flip)
        for video_id, digest in digests.items()
    }
    keys = score_keys(digests, weights, params.evaluate)
    logits = score_videos(tasks, keys, work, f"evaluate {name}")
    table = score_table(rows, videos, logits, scoring, files.quality)
    frames = {video_id: frame_scores(values, scoring) for video_id, values in logits.items()}
    described = describe(scoring, params.evaluate, model.calibrations, files.checkpoint, weights)
    made = scoring_account(params, {"index": files.index, "crops": files.crops, "quality": files.quality}, ["evaluate"])
    accounts = {ENTRY: with_network(made, files.checkpoint, weights).as_json(), NETWORK: model.made and model.made.as_json()}
    write_results(table, frames, {**described, **accounts}, params, files.bins, out)
    summary = "; ".join(filter(None, [summarise(f"evaluate {name}", table), note(table, params.evaluate.split)]))
    scored = [
        ScoredVideo(row["video_id"], row["label"], row["method"], row["score"], row["mask_ssim"])
        for row in table
        if row["score"] is not None
    ]
    return Evaluation(model, scored, frames, digests, summary)


def copy_reported(source: Path, target: Path) -> None:
    """Copy the tables that the report reads into another folder."""
    for name in REPORTED:
        copy_file(source / name, target / name)


def rows_of_split(index: Path, split: str) -> list[IndexRow]:
    """The index rows of a split, or of all splits if it is `all`, sorted by video_id."""
    return sorted((row for row in read_index(index) if split in {"all", row.split}), key=lambda row: row.video_id)


def read_videos(crops: Path) -> dict[str, dict[str, str]]:
    """video_id -> its row of the crops stage's videos.csv."""
    return {row["video_id"]: row for row in read_table(crops / "videos.csv", ["video_id", "status", "reason", "digest"])}


def usable(rows: Sequence[IndexRow], videos: Videos) -> list[str]:
    """The IDs of the videos that have crops."""
    return [row.video_id for row in rows if videos[row.video_id]["status"] == Status.OK]


def load_network(path: Path, size: int) -> LAANet:
    """Load the network in single precision, onto the GPU if there is one.

    Raises LaanetError if the network was trained on crops of another size than `size` pixels.
    """
    model = load_model(path)
    if model.image_size not in {None, size}:
        raise LaanetError(f"crops.size: {size}, but {path} was trained at {model.image_size}; set crops.size to that or train again.")
    return model.float().to("cuda" if torch.cuda.is_available() else "cpu")


def load_checkpoint(path: Path, size: int) -> tuple[LAANet, str]:
    """Load the network with `load_network`, and return it with the SHA-256 of its file.

    Raises LaanetError if another command replaced the file meanwhile: scores would be stored under the other network's key.
    """
    snapshot = Snapshot([path])
    model = load_network(path, size)
    snapshot.check()
    return model, snapshot.digest(path)


def scoring_of(params: EvaluateParams, model: LAANet, path: Path) -> Scoring:
    """How the logits of a network become scores; raises LaanetError if the checkpoint lacks the requested calibration."""
    return Scoring(params.average, pick_calibration(model.calibrations, params.calibration, path))


def score_keys(digests: Mapping[str, str], weights: str, params: EvaluateParams, **more: Any) -> dict[str, str]:
    """Work key of each video, from its crops, the weights (SHA-256 of their file), the scoring settings and code, and `more`."""
    scorer = {
        "weights": weights, "batch_size": params.batch_size, "flip": params.flip,
        "torch": torch.__version__, "cuda": torch.cuda.is_available(),
        "code": _scoring_code_key(),
    }  # fmt: skip
    return {video_id: item_key(crops=digest, **scorer, **more) for video_id, digest in digests.items()}


def scoring_account(params: Params, inputs: Mapping[str, Path], sections: Sequence[str]) -> Account:
    """Account of what the scores were made from: these sections of the parameters, the seed, and the input files by role."""
    settings = chosen(flatten(params.model_dump(mode="json")), [*sections, "seed", "crops.size"])
    digests = {f"{role}/{path.name}": input_digest(path) for role, path in inputs.items()}
    return Account(settings, digests, _scoring_code_key(), {"torch": torch.__version__})


def with_network(account: Account, path: Path, digest: str) -> Account:
    """The account with a checkpoint, of this SHA-256, as a further input."""
    return replace(account, inputs={**account.inputs, f"checkpoints/{path.name}": digest})


def _scoring_code_key() -> str:
    return code_key(score_shard, fuse_batch_norms, load_network)
