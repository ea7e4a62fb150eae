"""The table of experiments, experiments.csv: parameters that the paper's tables vary, results, and a digest of all other parameters."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from laanet_core.datasets.layouts import layout_name
from laanet_core.params import Params
from laanet_core.store.csv_io import read_table, write_table

# Parameters that the paper's tables vary; they have columns of their own.
_VARIED = {"": ["lambda1", "lambda2"], "model": ["pyramid", "levels", "heads"], "synthesis": ["method"]}
# Parameters that cannot change an AUC, an AP or their intervals.
_IDLE = {
    "": ["assets", "quality", "robustness"],
    "train": ["keep_last", "save_every", "log_every"],
    "evaluate": ["threshold", "gallery"],
}
MEASURED = ["auc", "auc_low", "auc_high", "ap", "n_real", "n_fake", "coverage"]
"""Columns taken from metrics.json."""

_DIGITS = 12


class Experiment(NamedTuple):
    """One experiment on one data set.

    experiment: name of the experiment or branch, or `workspace`; rev: short git revision, empty for the workspace; dataset: key under
    `datasets`; adapter: its folder layout; levels: of the pyramid, such as `6,5,4,3`; heads: in alphabetical order; method: of the
    pseudo-fakes; auc, auc_low, auc_high, ap, coverage: fractions, None if undefined; rest: digest of all other parameters that affect
    the scores.
    """

    experiment: str
    rev: str
    dataset: str
    adapter: str
    lambda1: float
    lambda2: float
    pyramid: str
    levels: str
    heads: str
    method: str
    auc: float | None
    auc_low: float | None
    auc_high: float | None
    ap: float | None
    n_real: int
    n_fake: int
    coverage: float | None
    rest: str


def write_experiments(path: Path, experiments: Iterable[Experiment]) -> None:
    """Write reports/experiments.csv."""
    write_table(path, Experiment._fields, (experiment._asdict() for experiment in experiments))


def read_experiments(path: Path) -> list[Experiment]:
    """Read reports/experiments.csv in the order of the file; raises LaanetError if it is missing or has other columns."""
    return [_typed(row) for row in read_table(path, Experiment._fields)]


def varied(params: Params) -> dict[str, Any]:
    """Values of the columns that the paper's tables vary, for an experiment with these parameters."""
    model = params.model
    return {
        "lambda1": params.lambda1, "lambda2": params.lambda2, "pyramid": model.pyramid, "levels": ",".join(map(str, model.levels)),
        "heads": ",".join(sorted(model.heads)), "method": params.synthesis.method,
    }  # fmt: skip


def rest_digest(params: Params, dataset: str) -> str:
    """Digest (first 12 hexadecimal digits of SHA-256) of all parameters that affect a data set's scores and that no table varies.

    It covers only this data set and the training set, and the parameters of the demo's clips only if one of them is the demo. Omitted
    parameters count with their default values.
    """
    behind = params.model_dump(mode="json")
    for section, names in [*_VARIED.items(), *_IDLE.items()]:
        for name in names:
            del (behind[section] if section else behind)[name]
    behind["datasets"] = {name: behind["datasets"][name] for name in {dataset, params.train.dataset}}
    for name, entry in behind["datasets"].items():
        del entry["layout"]
        entry["adapter"] = layout_name(name, params.datasets[name])  # its name in the digests of earlier versions
    if not any(entry["adapter"] == "demo" for entry in behind["datasets"].values()):
        del behind["demo"]
    canonical = json.dumps(behind, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:_DIGITS]


def _typed(row: dict[str, str]) -> Experiment:
    values: dict[str, Any] = {name: row[name] for name in Experiment._fields}
    values |= {name: float(row[name]) for name in ("lambda1", "lambda2")}
    values |= {name: float(row[name]) if row[name] else None for name in MEASURED}
    values |= {name: int(row[name]) for name in ("n_real", "n_fake")}
    return Experiment(**values)
