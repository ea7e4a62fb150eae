"""Reading the results of earlier stages into typed records."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from laanet_core.errors import LaanetError
from laanet_core.evaluation.by_bin import BIN_COLUMNS, BinResult
from laanet_core.evaluation.metrics import RocPoint, mean
from laanet_core.evaluation.result_tables import ALL, SCORE_COLUMNS, MeasureRow, note
from laanet_core.status import Status
from laanet_core.store.csv_io import read_table

LOG_COLUMNS = ["epoch", "loss", "loss_class", "val_loss", "val_auc"]
"""Columns that every training log has, besides `loss_<head>` for each auxiliary head."""

Row = dict[str, Any]


class MethodResult(NamedTuple):
    """Fakes of one method against all real videos; mask_ssim: mean of the fakes."""

    method: str
    auc: MeasureRow
    ap: MeasureRow
    mask_ssim: float | None


@dataclass(frozen=True)
class DatasetResult:
    """Results of one data set. rows: those of scores.csv, with numbers converted from text."""

    name: str
    metrics: dict[str, Any]
    scoring: dict[str, Any]
    rows: list[Row]
    measures: list[MeasureRow]
    bins: list[BinResult]
    roc: list[RocPoint]
    gallery: dict[str, Any]
    gallery_folder: Path

    def scores(self, label: int) -> list[float]:
        """Scores of the scored real (label 0) or fake (label 1) videos."""
        return [row["score"] for row in self.rows if row["label"] == label and row["score"] is not None]

    def measure(self, name: str, level: str = "video", method: str = ALL, split: str | None = None) -> MeasureRow | None:
        """A row of measures.csv, by default over all scored videos; None if there is no such row."""
        return self._by_key.get((self.overall_split if split is None else split, level, method, name))

    @cached_property
    def _by_key(self) -> dict[tuple[str, str, str, str], MeasureRow]:
        return {row[:4]: row for row in self.measures}

    @property
    def threshold(self) -> float:
        """Videos with at least this score are classified as fake."""
        return float(self.scoring["threshold"])

    @property
    def splits(self) -> list[str]:
        """The splits that were scored."""
        return sorted({row["split"] for row in self.rows})

    @property
    def overall_split(self) -> str:
        """Value of `split` in the rows of measures.csv over all videos."""
        return ALL if len(self.splits) > 1 else "".join(self.splits)

    @property
    def statuses(self) -> list[tuple[str, int]]:
        """Number of videos with each status, `ok` first."""
        counts = Counter(row["status"] for row in self.rows)
        return sorted(counts.items(), key=lambda item: (item[0] != Status.OK, item[0]))

    @property
    def failures(self) -> list[Row]:
        """Videos without a score."""
        return [row for row in self.rows if row["score"] is None]

    @property
    def partial(self) -> list[Row]:
        """Scored videos with a reason in scores.csv, such as frames without a face."""
        return [row for row in self.rows if row["score"] is not None and row["reason"]]

    @property
    def mask_ssim(self) -> list[float]:
        """Mask-SSIM of the fakes with a source video."""
        return [row["mask_ssim"] for row in self.rows if row["mask_ssim"] is not None]

    @property
    def edges(self) -> list[float]:
        """Ascending edges of the Mask-SSIM bins."""
        return [*(item.low for item in self.bins[:1]), *(item.high for item in self.bins)]

    @property
    def unpaired(self) -> int:
        """Number of scored fakes without a Mask-SSIM bin."""
        return sum(row["label"] == 1 and row["score"] is not None and not row["bin"] for row in self.rows)

    @property
    def note(self) -> str:
        """The reason why AUC and AP are empty; an empty text if they are not."""
        return note(self.rows, self.scoring["split"])

    @property
    def methods(self) -> list[MethodResult]:
        """AUC and AP per manipulation method, over all splits."""
        return [self._method(name) for name in sorted({row["method"] for row in self.rows if row["label"] == 1})]

    def _method(self, name: str) -> MethodResult:
        key = (self.overall_split, "video", name)
        fakes = [row for row in self.rows if row["method"] == name and row["label"] == 1]
        mask_ssim = mean([row["mask_ssim"] for row in fakes if row["mask_ssim"] is not None])
        return MethodResult(name, self._by_key[*key, "auc"], self._by_key[*key, "ap"], mask_ssim)


def read_result(name: str, folder: Path) -> DatasetResult:
    """Results of one data set, from its folder written by the evaluation; raises LaanetError if a file is missing or malformed."""
    rows = [_typed(row) for row in read_table(folder / "scores.csv", SCORE_COLUMNS)]
    measures = [_measure(row) for row in read_table(folder / "measures.csv", MeasureRow._fields)]
    bins = [_bin(row) for row in read_table(folder / "mask_ssim_bins.csv", BIN_COLUMNS)]
    corners = read_table(folder / "roc.csv", RocPoint._fields)
    roc = [RocPoint(float(row["fpr"]), float(row["tpr"]), _number(row["threshold"])) for row in corners]
    metrics, scoring, gallery = (read_json(folder / f"{part}.json") for part in ("metrics", "scoring", "gallery"))
    return DatasetResult(name, metrics, scoring, rows, measures, bins, roc, gallery, folder)


def read_log(path: Path) -> dict[str, list[float]]:
    """Columns of the training log, those of all heads included: one value per epoch, NaN for a missing value."""
    rows = read_table(path, LOG_COLUMNS)
    heads = [column for column in (rows[0] if rows else ()) if column.startswith("loss_") and column not in LOG_COLUMNS]
    return {column: [float(row[column] or "nan") for row in rows] for column in [*LOG_COLUMNS, *heads]}


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; raises LaanetError if the file is missing or malformed."""
    try:
        loaded: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        raise LaanetError(f"{path}: not found; build it with 'dvc repro'.") from None
    except ValueError as error:
        raise LaanetError(f"{path}: not valid JSON ({error}); rebuild it with 'dvc repro'.") from None
    return loaded


def _typed(row: dict[str, str]) -> Row:
    return {**row, "label": int(row["label"]), "score": _number(row["score"]), "mask_ssim": _number(row["mask_ssim"])}


def _measure(row: dict[str, str]) -> MeasureRow:
    key = (row["split"], row["level"], row["method"], row["measure"])
    value, low, high, coverage = (_number(row[column]) for column in ("value", "low", "high", "coverage"))
    return MeasureRow(*key, value, low, high, int(row["n_real"]), int(row["n_fake"]), coverage)


def _bin(row: dict[str, str]) -> BinResult:
    counts = (int(row["n_real"]), int(row["n_fake"]))
    measures = (_number(row[column]) for column in ("auc", "ap", "auc_low", "auc_high", "ap_low", "ap_high", "coverage"))
    return BinResult(row["bin"], float(row["low"]), float(row["high"]), *counts, *measures)


def _number(text: str) -> float | None:
    return float(text) if text else None
