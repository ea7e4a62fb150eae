"""The tables of one data set's scores: scores.csv, frame_scores.csv, mask_ssim_bins.csv, roc.csv and metrics.json."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from laanet_core.datasets.index import IndexRow
from laanet_core.evaluation.bins import BIN_COLUMNS, score_bins
from laanet_core.evaluation.metrics import RocPoint, auc, auc_interval, average_precision, mean, roc_points
from laanet_core.params import Params
from laanet_core.randomness import numpy_generator
from laanet_core.tables import read_table, write_table

SCORE_COLUMNS = ["video_id", "method", "label", "split", "n_frames", "score", "status", "mask_ssim", "bin", "reason"]
FRAME_COLUMNS = ["video_id", "frame", "face", "score"]
REPORTED = ["scores.csv", "mask_ssim_bins.csv", "roc.csv", "metrics.json"]
"""What the report reads."""
DECIMALS = 9

Row = dict[str, Any]


class FrameScore(NamedTuple):
    """Probability of fake of one face of one frame; face 0 is the largest."""

    frame: int
    face: int
    score: float


def video_score(scores: Sequence[FrameScore]) -> float:
    """Mean over the frames; of several faces in a frame the most suspicious one counts. Needs at least one score."""
    frames: dict[int, float] = defaultdict(float)
    for item in scores:
        frames[item.frame] = max(frames[item.frame], item.score)
    return round(float(np.mean(list(frames.values()))), DECIMALS)


def score_table(
    rows: Sequence[IndexRow], videos: Mapping[str, Mapping[str, str]], frames: Mapping[str, Sequence[FrameScore]], quality: Path
) -> list[Row]:
    """Rows of scores.csv in the order of the index."""
    measured = {row["video_id"]: row for row in read_table(quality, ["video_id", "mask_ssim", "bin"])}
    return [_score_row(row, videos[row.video_id], frames.get(row.video_id, []), measured.get(row.video_id, {})) for row in rows]


def _score_row(row: IndexRow, video: Mapping[str, str], frames: Sequence[FrameScore], quality: Mapping[str, str]) -> Row:
    value = quality.get("mask_ssim", "")
    return {
        "video_id": row.video_id, "method": row.method, "label": row.label, "split": row.split,
        "n_frames": len({item.frame for item in frames}), "score": video_score(frames) if frames else None, "status": video["status"],
        "mask_ssim": float(value) if value else None, "bin": quality.get("bin", ""), "reason": video["reason"],
    }  # fmt: skip


def write_results(table: Sequence[Row], frames: Mapping[str, Sequence[FrameScore]], params: Params, out: Path) -> None:
    """The tables and metrics.json of one data set."""
    scored = [row for row in table if row["score"] is not None]
    fakes = [row for row in scored if row["label"] == 1]
    reals = [row["score"] for row in scored if row["label"] == 0]
    bins = score_bins(
        reals, [row["score"] for row in fakes], [row["bin"] for row in fakes], params.quality.bins, params.evaluate.bootstrap, params.seed
    )
    write_table(out / "scores.csv", SCORE_COLUMNS, table)
    by_frame = ({"video_id": name, **item._asdict()} for name, items in frames.items() for item in items)
    write_table(out / "frame_scores.csv", FRAME_COLUMNS, by_frame)
    write_table(out / "mask_ssim_bins.csv", BIN_COLUMNS, (result._asdict() for result in bins))
    points = roc_points([row["label"] for row in scored], [row["score"] for row in scored])
    write_table(out / "roc.csv", RocPoint._fields, (point._asdict() for point in points))
    (out / "metrics.json").write_text(json.dumps(measures(table, frames, params), indent=2) + "\n")


def measures(table: Sequence[Row], frames: Mapping[str, Sequence[FrameScore]], params: Params) -> dict[str, float | int | None]:
    """metrics.json: the same keys for every data set, None where a measure is not defined (one class only, no pairs)."""
    scored = [row for row in table if row["score"] is not None]
    labels, scores = [row["label"] for row in scored], [row["score"] for row in scored]
    interval = auc_interval(labels, scores, params.evaluate.bootstrap, numpy_generator(params.seed, "bootstrap", "video"))
    by_frame = [(row["label"], item.score) for row in scored for item in frames[row["video_id"]]]
    return {
        "auc": auc(labels, scores), "auc_low": interval.low, "auc_high": interval.high, "ap": average_precision(labels, scores),
        "frame_auc": auc([label for label, _ in by_frame], [score for _, score in by_frame]),
        "n_real": sum(row["label"] == 0 for row in table), "n_fake": sum(row["label"] == 1 for row in table),
        "n_scored": len(scored), "n_failed": len(table) - len(scored), "coverage": len(scored) / len(table) if table else None,
        "mean_mask_ssim": mean([row["mask_ssim"] for row in table if row["mask_ssim"] is not None]),
    }  # fmt: skip


def note(table: Sequence[Row], split: str) -> str:
    """Why AUC and AP are empty, or nothing."""
    if not table:
        return f"no video in split '{split}', nothing to score"
    found = {row["label"] for row in table if row["score"] is not None}
    if found == {0, 1}:
        return ""
    return {0: "only real videos were scored, so AUC and AP are empty", 1: "only fakes were scored, so AUC and AP are empty"}.get(
        next(iter(found), -1), "no video could be scored, so AUC and AP are empty"
    )
