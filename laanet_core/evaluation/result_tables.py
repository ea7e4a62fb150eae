"""The result files of one data set: scores.csv, frame_scores.csv, measures.csv, mask_ssim_bins.csv, roc.csv, scoring.json, metrics.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from laanet_core.datasets.index import IndexRow
from laanet_core.evaluation.by_bin import BIN_COLUMNS, BinResult, score_bins
from laanet_core.evaluation.metrics import Interval, RocPoint, intervals, mean, measure, roc_points
from laanet_core.evaluation.predict import FrameLogit
from laanet_core.evaluation.scoring import FrameScore, Scoring, video_score
from laanet_core.params import Params
from laanet_core.quality.bins import read_edges
from laanet_core.randomness import numpy_generator
from laanet_core.store.csv_io import read_table, write_table
from laanet_core.store.writing import write_json

SCORE_COLUMNS = ["video_id", "method", "label", "split", "n_frames", "score", "status", "mask_ssim", "bin", "reason"]
FRAME_COLUMNS = ["video_id", *FrameScore._fields]
REPORTED = ["scores.csv", "measures.csv", "mask_ssim_bins.csv", "roc.csv", "metrics.json", "scoring.json"]
"""Files that the report reads."""
ALL = "all"
HEADLINE = ["auc", "ap", "ar", "eer", "ece"]
"""Measures of the video scores that metrics.json contains."""

Row = dict[str, Any]
Frames = Mapping[str, Sequence[FrameScore]]


class MeasureRow(NamedTuple):
    """One row of measures.csv: a measure of one split, its fakes of one method (or `all`) against all its real videos.

    level: `video` for video scores, `frame` for scores of single faces; low, high: 95 % interval over videos; n_real, n_fake: numbers
    of scored videos or faces; coverage: share of the videos that have a score.
    """

    split: str
    level: str
    method: str
    measure: str
    value: float | None
    low: float | None
    high: float | None
    n_real: int
    n_fake: int
    coverage: float | None


def score_table(
    rows: Sequence[IndexRow], videos: Mapping[str, Mapping[str, str]], logits: Mapping[str, Sequence[FrameLogit]], scoring: Scoring,
    quality: Path,
) -> list[Row]:  # fmt: skip
    """Rows of scores.csv in the order of the index."""
    measured = {row["video_id"]: row for row in read_table(quality, ["video_id", "mask_ssim", "bin"])}
    return [_score_row(row, videos[row.video_id], logits.get(row.video_id, []), scoring, measured.get(row.video_id, {})) for row in rows]


def _score_row(row: IndexRow, video: Mapping[str, str], logits: Sequence[FrameLogit], scoring: Scoring, quality: Mapping[str, str]) -> Row:
    value = quality.get("mask_ssim", "")
    return {
        "video_id": row.video_id, "method": row.method, "label": row.label, "split": row.split,
        "n_frames": len({item.frame for item in logits}), "score": video_score(logits, scoring) if logits else None,
        "status": video["status"], "mask_ssim": float(value) if value else None, "bin": quality.get("bin", ""), "reason": video["reason"],
    }  # fmt: skip


def write_results(table: Sequence[Row], frames: Frames, scoring: Mapping[str, Any], params: Params, bins: Path, out: Path) -> None:
    """Write the result files of one data set into `out`.

    table: rows of scores.csv; frames: video_id -> scores of its faces; scoring: content of scoring.json; bins: CSV of the Mask-SSIM bins.
    """
    scored = [row for row in table if row["score"] is not None]
    measured = list(measure_rows(table, frames, params))
    write_table(out / "scores.csv", SCORE_COLUMNS, table)
    by_frame = ({"video_id": name, **item._asdict()} for name, items in frames.items() for item in items)
    write_table(out / "frame_scores.csv", FRAME_COLUMNS, by_frame)
    write_table(out / "measures.csv", MeasureRow._fields, (row._asdict() for row in measured))
    write_table(out / "mask_ssim_bins.csv", BIN_COLUMNS, (result._asdict() for result in _bin_results(table, read_edges(bins), params)))
    points = roc_points([row["label"] for row in scored], [row["score"] for row in scored])
    write_table(out / "roc.csv", RocPoint._fields, (point._asdict() for point in points))
    write_json(out / "scoring.json", scoring, indent=2)
    write_json(out / "metrics.json", headline(table, measured), indent=2)


def _bin_results(table: Sequence[Row], edges: Sequence[float], params: Params) -> list[BinResult]:
    fakes = [row for row in table if row["label"] == 1]
    reals = [row["score"] for row in table if row["label"] == 0]
    scores, labels = [row["score"] for row in fakes], [row["bin"] for row in fakes]
    return score_bins(reals, scores, labels, edges, params.evaluate.bootstrap, params.seed)


def measure_rows(table: Sequence[Row], frames: Frames, params: Params) -> Iterator[MeasureRow]:
    """Every measure: per split and over all splits, per method of the fakes and over all methods, of video scores and of single faces."""
    splits = sorted({row["split"] for row in table})
    for split in [ALL, *splits] if len(splits) > 1 else splits:
        rows = [row for row in table if split in {ALL, row["split"]}]
        for method in [ALL, *sorted({row["method"] for row in rows if row["label"] == 1})]:
            group = [row for row in rows if row["label"] == 0 or method in {ALL, row["method"]}]
            for level in ("video", "frame"):
                yield from _measures_of(group, frames, params, split, level, method)


def _measures_of(group: Sequence[Row], frames: Frames, params: Params, split: str, level: str, method: str) -> Iterator[MeasureRow]:
    """The measures of one group of videos at one level."""
    scored = [row for row in group if row["score"] is not None]
    by_video = [[row["score"]] if level == "video" else [item.score for item in frames[row["video_id"]]] for row in scored]
    videos = [place for place, values in enumerate(by_video) for _ in values]
    labels, scores = [scored[place]["label"] for place in videos], [score for values in by_video for score in values]
    generator = numpy_generator(params.seed, "bootstrap", split, method)
    values = measure(labels, scores, params.evaluate.threshold)
    ranges = intervals(labels, scores, params.evaluate.threshold, params.evaluate.bootstrap, generator, videos)
    coverage = len(scored) / len(group) if group else None
    for name, value in values._asdict().items():
        yield MeasureRow(split, level, method, name, value, *ranges[name], labels.count(0), labels.count(1), coverage)


def headline(table: Sequence[Row], measured: Sequence[MeasureRow]) -> dict[str, float | int | None]:
    """Content of metrics.json: the same keys for every data set, None if a measure is undefined (one class only, no pairs)."""
    splits = {row["split"] for row in table}
    all_splits = {ALL} if len(splits) > 1 else splits
    overall = {row.measure: row for row in measured if row.level == "video" and row.method == ALL and row.split in all_splits}
    scored = [row for row in table if row["score"] is not None]
    values = {name: overall[name].value if overall else None for name in HEADLINE}
    area = Interval(overall["auc"].low, overall["auc"].high) if overall else Interval(None, None)
    return {
        "auc": values.pop("auc"), "auc_low": area.low, "auc_high": area.high, **values,
        "coverage": len(scored) / len(table) if table else None,
        "n_real": sum(row["label"] == 0 for row in table), "n_fake": sum(row["label"] == 1 for row in table), "n_scored": len(scored),
        "mean_mask_ssim": mean([row["mask_ssim"] for row in table if row["mask_ssim"] is not None]),
    }  # fmt: skip


def note(table: Sequence[Row], split: str) -> str:
    """The reason why AUC and AP are empty; an empty text if they are not."""
    if not table:
        return f"no video in split '{split}', nothing to score"
    labels = {row["label"] for row in table if row["score"] is not None}
    if labels == {0, 1}:
        return ""
    scored = {0: "only real videos were scored", 1: "only fakes were scored"}.get(next(iter(labels), -1), "no video could be scored")
    return f"{scored}, so AUC and AP are empty"
