"""How well a network separates real and fake videos whose crops are corrupted (Table 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

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
from laanet_core.evaluation.predict import ScoreTask, score_videos
from laanet_core.evaluation.result_tables import note
from laanet_core.evaluation.robustness.corruption import NO_CORRUPTION, Corruption
from laanet_core.evaluation.robustness.corruptions import find_corruptions
from laanet_core.evaluation.scoring import video_score
from laanet_core.model import LAANet
from laanet_core.model.fusion import fuse_batch_norms
from laanet_core.params import Params, RobustnessParams
from laanet_core.randomness import numpy_generator
from laanet_core.status import summarise
from laanet_core.store.account import write_account
from laanet_core.store.code import code_key
from laanet_core.store.csv_io import write_table
from laanet_core.store.outputs import output_path
from laanet_core.store.work_dir import WorkDir
from laanet_core.types import Image


@dataclass(frozen=True)
class RobustnessFiles:
    """Input files. index: CSV; crops: folder of tars with videos.csv; checkpoint: safetensors file."""

    index: Path
    crops: Path
    checkpoint: Path


class Condition(NamedTuple):
    """A corruption at a severity from 1 to 5, or no corruption at severity 0."""

    corruption: Corruption[Any] | None
    severity: int

    @property
    def name(self) -> str:
        """Name of the corruption in the table."""
        return self.corruption.name if self.corruption else NO_CORRUPTION

    def item(self, video_id: str) -> str:
        """Name of the work item of a video under this condition."""
        return f"{self.name} {self.severity} {video_id}"


CLEAN = Condition(None, 0)


class RobustnessRow(NamedTuple):
    """One row of robustness.csv: measures of all scored videos under one condition; clean crops are corruption `none` at severity 0.

    auc_low, auc_high: 95 % bootstrap interval over videos, with the same resamples in each row; coverage: fraction of the videos that have
    a score. A measure is None where it is undefined.
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
    """Score the videos of `evaluate.split` of `robustness.dataset`, clean and under each corruption; return the summary line.

    Writes out_csv, clean crops first, and next to it a JSON file of the same name that records what made it. The table has only a header
    if no corruption is listed. Every condition uses the same frames; crops are corrupted after cropping (see `corruptions`). The scores of
    each video under each condition are cached in `work`. Raises LaanetError before any work if a corruption is not registered.
    """
    conditions = _conditions(params.robustness)
    made = scoring_account(params, {"index": files.index, "crops": files.crops}, ["evaluate", "robustness"])
    if conditions == [CLEAN]:
        write_account(out_csv.with_suffix(".json"), made)
        write_table(out_csv, RobustnessRow._fields, [])
        return "robustness: not run"
    model, weights = load_checkpoint(files.checkpoint, params.crops.size)
    write_account(out_csv.with_suffix(".json"), with_network(made, files.checkpoint, weights))
    rows, videos = rows_of_split(files.index, params.evaluate.split), read_videos(files.crops)
    digests = {video_id: videos[video_id]["digest"] for video_id in usable(rows, videos)}
    scores = _score_videos(conditions, digests, model, weights, params, files, work)
    labels = [row.label for row in rows if row.video_id in digests]
    coverage = len(labels) / len(rows) if rows else None
    lines = (_row(condition, labels, values, coverage, params) for condition, values in scores.items())
    write_table(out_csv, RobustnessRow._fields, (line._asdict() for line in lines))
    clean = dict(zip(digests, scores[CLEAN], strict=True))
    table = [{"status": videos[row.video_id]["status"], "label": row.label, "score": clean.get(row.video_id)} for row in rows]
    counted = f"{summarise(f'robustness {params.robustness.dataset}', table)}, clean and with {len(scores) - 1} corruptions"
    return "; ".join(filter(None, [counted, note(table, params.evaluate.split)]))


def _conditions(params: RobustnessParams) -> list[Condition]:
    """The conditions to score, clean crops first; raises LaanetError if a corruption is not registered."""
    return [CLEAN, *(Condition(found, severity) for found in find_corruptions(params.corruptions) for severity in params.severities)]


def _score_videos(
    conditions: Sequence[Condition],
    digests: Mapping[str, str],
    model: LAANet,
    weights: str,
    params: Params,
    files: RobustnessFiles,
    work: WorkDir,
) -> dict[Condition, list[float]]:
    """Scores of the videos under each condition, in the order of `digests`; weights: SHA-256 of the checkpoint file."""
    scoring, scorer = scoring_of(params.evaluate, model, files.checkpoint), fuse_batch_norms(model, params.crops.size)
    tasks = {name: task for condition in conditions for name, task in _tasks(condition, digests, scorer, params, files).items()}
    keys = {name: key for condition in conditions for name, key in _keys(condition, digests, weights, params).items()}
    logits = score_videos(tasks, keys, work, f"robustness {params.robustness.dataset}")
    return {condition: [video_score(logits[condition.item(video_id)], scoring) for video_id in digests] for condition in conditions}


def _tasks(condition: Condition, digests: Mapping[str, str], model: LAANet, params: Params, files: RobustnessFiles) -> dict[str, ScoreTask]:
    """Work item -> what to score, for all videos under a condition."""
    batch_size, flip, frames = params.evaluate.batch_size, params.evaluate.flip, params.robustness.frames
    corruption, severity = condition
    return {
        condition.item(video_id): ScoreTask(
            model, output_path(files.crops, video_id, ".tar"), digest, batch_size, flip,
            partial(_corrupt, corruption, severity, params.seed, video_id) if corruption else None, frames,
        )
        for video_id, digest in digests.items()
    }  # fmt: skip


def _keys(condition: Condition, digests: Mapping[str, str], weights: str, params: Params) -> dict[str, str]:
    """Work item -> its work key, for all videos under a condition.

    Of the corruptions, only the condition's own code and amount are in it. The name of a video is in its tar, and so in the tar's digest.
    """
    corruption, severity = condition
    change = [code_key(_corrupt, corruption.function), corruption.amounts[severity - 1]] if corruption else None
    keys = score_keys(
        digests, weights, params.evaluate, corruption=condition.name, severity=severity, frames=params.robustness.frames, seed=params.seed,
        change=change, libraries=[cv2.__version__, np.__version__],
    )  # fmt: skip
    return {condition.item(video_id): key for video_id, key in keys.items()}


def _corrupt(corruption: Corruption[Any], severity: int, seed: int, video_id: str, image: Image, frame: int, face: int) -> Image:
    """Corrupt one crop, with random numbers of its own."""
    return corruption.apply(image, severity, numpy_generator(seed, "corruption", corruption.name, severity, video_id, frame, face))


def _row(condition: Condition, labels: Sequence[int], scores: Sequence[float], coverage: float | None, params: Params) -> RobustnessRow:
    """The measures under one condition. The bootstrap generator has the same key, and so the same resamples, under each."""
    threshold, resamples = params.evaluate.threshold, params.evaluate.bootstrap
    values = measure(labels, scores, threshold)
    low, high = intervals(labels, scores, threshold, resamples, numpy_generator(params.seed, "bootstrap", "robustness"))["auc"]
    counts = labels.count(0), labels.count(1)
    return RobustnessRow(params.robustness.dataset, condition.name, condition.severity, *counts, values.auc, low, high, values.ap, coverage)
