"""How well a network tells videos apart when their crops are corrupted (Table 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from laanet_core.evaluation.evaluate import (
    load_checkpoint,
    read_videos,
    rows_of_split,
    score_keys,
    scoring_account,
    scoring_of,
    usable,
    with_network,
)
from laanet_core.evaluation.metrics import intervals, measure
from laanet_core.evaluation.predict import Change, ScoreTask, score_videos
from laanet_core.evaluation.result_tables import note
from laanet_core.evaluation.robustness.corruptions import corrupt
from laanet_core.evaluation.scoring import video_score
from laanet_core.model import LAANet
from laanet_core.model.fusion import fuse_batch_norms
from laanet_core.params import Corruption, Params, RobustnessParams
from laanet_core.randomness import numpy_generator
from laanet_core.status import summarise
from laanet_core.store.account import write_account
from laanet_core.store.code import code_key
from laanet_core.store.csv_io import write_table
from laanet_core.store.outputs import output_path
from laanet_core.store.work_dir import WorkDir
from laanet_core.types import Image

NO_CORRUPTION = "none"


@dataclass(frozen=True)
class RobustnessFiles:
    """What is scored. index: CSV; crops: folder of tars with videos.csv; checkpoint: safetensors file."""

    index: Path
    crops: Path
    checkpoint: Path


class Condition(NamedTuple):
    """What crops go through before they are scored: a corruption at a severity of 1 to 5, or nothing at severity 0."""

    corruption: Corruption | None
    severity: int

    def __str__(self) -> str:
        return f"{self.corruption or NO_CORRUPTION} {self.severity}"

    def item(self, video_id: str) -> str:
        """Name of a video under this condition."""
        return f"{self} {video_id}"


CLEAN = Condition(None, 0)


class RobustnessRow(NamedTuple):
    """One row of robustness.csv: measures of all scored videos under one condition; clean crops are corruption `none` at severity 0.

    auc_low, auc_high: 95 % interval over videos, from the same draws in each row; coverage: share of the videos that have a score.
    None where a measure is not defined.
    """

    dataset: str
    corruption: str
    severity: int
    n_real: int
    n_fake: int
    auc: float | None
    auc_low: float | None
    auc_high: float | None
    ap: float | None
    coverage: float | None


def measure_robustness(params: Params, files: RobustnessFiles, out_csv: Path, work: WorkDir) -> str:
    """Score the videos of `evaluate.split` of `robustness.dataset` clean and under each corruption; returns the summary line.

    Writes out_csv, the clean crops first; the header alone where no corruption is asked for; beside it a JSON file of the same name with
    the account of what made it. Every condition sees the same frames, which are corrupted after cropping (see `corruptions`); each video
    under each condition is an item of work.
    """
    made = scoring_account(params, {"index": files.index, "crops": files.crops}, ["evaluate", "robustness"])
    if not params.robustness.corruptions:
        write_account(out_csv.with_suffix(".json"), made)
        write_table(out_csv, RobustnessRow._fields, [])
        return "robustness: not run"
    model, weights = load_checkpoint(files.checkpoint, params.crops.size)
    write_account(out_csv.with_suffix(".json"), with_network(made, files.checkpoint, weights))
    rows, videos = rows_of_split(files.index, params.evaluate.split), read_videos(files.crops)
    digests = {video_id: videos[video_id]["digest"] for video_id in usable(rows, videos)}
    scores = _score_videos(digests, model, weights, params, files, work)
    labels = [row.label for row in rows if row.video_id in digests]
    coverage = len(labels) / len(rows) if rows else None
    lines = (_row(condition, labels, values, coverage, params) for condition, values in scores.items())
    write_table(out_csv, RobustnessRow._fields, (line._asdict() for line in lines))
    clean = dict(zip(digests, scores[CLEAN], strict=True))
    table = [{"status": videos[row.video_id]["status"], "label": row.label, "score": clean.get(row.video_id)} for row in rows]
    counted = f"{summarise(f'robustness {params.robustness.dataset}', table)}, clean and with {len(scores) - 1} corruptions"
    return "; ".join(filter(None, [counted, note(table, params.evaluate.split)]))


def _score_videos(
    digests: Mapping[str, str], model: LAANet, weights: str, params: Params, files: RobustnessFiles, work: WorkDir
) -> dict[Condition, list[float]]:
    """The scores of the videos, in the order of `digests`, under each condition; weights: SHA-256 of the network's file."""
    scoring, scorer = scoring_of(params.evaluate, model, files.checkpoint), fuse_batch_norms(model, params.crops.size)
    conditions = _conditions(params.robustness)
    tasks = {name: task for condition in conditions for name, task in _tasks(condition, digests, scorer, params, files).items()}
    keys = {name: key for condition in conditions for name, key in _keys(condition, digests, weights, params).items()}
    logits = score_videos(tasks, keys, work, f"robustness {params.robustness.dataset}")
    return {condition: [video_score(logits[condition.item(video_id)], scoring) for video_id in digests] for condition in conditions}


def _conditions(params: RobustnessParams) -> list[Condition]:
    return [CLEAN, *(Condition(kind, severity) for kind in params.corruptions for severity in params.severities)]


def _tasks(condition: Condition, digests: Mapping[str, str], model: LAANet, params: Params, files: RobustnessFiles) -> dict[str, ScoreTask]:
    """What is scored under a condition, by item."""
    batch_size, flip, frames = params.evaluate.batch_size, params.evaluate.flip, params.robustness.frames
    return {
        condition.item(video_id): ScoreTask(
            model, output_path(files.crops, video_id, ".tar"), digest, batch_size, flip, _change(condition, params.seed, video_id), frames
        )
        for video_id, digest in digests.items()
    }


def _keys(condition: Condition, digests: Mapping[str, str], weights: str, params: Params) -> dict[str, str]:
    """Work keys under a condition, by item; a crop's digest stands for the video's name too, which is in its tar."""
    keys = score_keys(
        digests, weights, params.evaluate, condition=str(condition), frames=params.robustness.frames, seed=params.seed,
        change=code_key(_corrupted), libraries=[cv2.__version__, np.__version__],
    )  # fmt: skip
    return {condition.item(video_id): key for video_id, key in keys.items()}


def _change(condition: Condition, seed: int, video_id: str) -> Change | None:
    """What a condition does to the crops of a video."""
    kind, severity = condition
    return None if kind is None else partial(_corrupted, kind, severity, seed, video_id)


def _corrupted(kind: Corruption, severity: int, seed: int, video_id: str, image: Image, frame: int, face: int) -> Image:
    """A corrupted crop; each has a generator of its own."""
    return corrupt(image, kind, severity, numpy_generator(seed, "corruption", kind, severity, video_id, frame, face))


def _row(condition: Condition, labels: Sequence[int], scores: Sequence[float], coverage: float | None, params: Params) -> RobustnessRow:
    """The measures under a condition; the generator's key is the same for all, and so are the draws of the intervals."""
    threshold, resamples = params.evaluate.threshold, params.evaluate.bootstrap
    values = measure(labels, scores, threshold)
    low, high = intervals(labels, scores, threshold, resamples, numpy_generator(params.seed, "bootstrap", "robustness"))["auc"]
    name, counts = condition.corruption or NO_CORRUPTION, (labels.count(0), labels.count(1))
    return RobustnessRow(params.robustness.dataset, name, condition.severity, *counts, values.auc, low, high, values.ap, coverage)
