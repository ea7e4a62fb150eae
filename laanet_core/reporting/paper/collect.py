"""Rows of experiments.csv, from DVC's list of experiments as plain dictionaries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from laanet_core.datasets.layouts import layout_name
from laanet_core.params import Params
from laanet_core.reporting.paper.experiments import MEASURED, Experiment, rest_digest, varied

WORKSPACE = "workspace"
UNFINISHED = "queued, running or failed; see 'dvc queue status'"
NO_SCORES = "no scores of any data set; run 'dvc repro' or the experiment again"
CHANGED = "parameters changed after scoring; run 'dvc repro' or the experiment again"
OTHER_VERSION = "parameters that this version does not accept"

_REV_DIGITS = 7
_PARAMS = "params.yaml"
_STEPS = ("frames", "crops")

State = Mapping[str, Any]
LockOf = Callable[[str], Mapping[str, Any]]


class Run(NamedTuple):
    """A finished run. name: of its experiment or branch, or `workspace`; rev: full revision; data: its parameters and metrics by file."""

    name: str
    rev: str
    data: Mapping[str, Any]


class Collected(NamedTuple):
    """Result of `collect`. rows: oldest run first; left_out: reason -> names of runs; n_experiments: without the branch's and the
    workspace's own runs; n_runs: with them."""

    rows: list[Experiment]
    left_out: dict[str, list[str]]
    n_experiments: int
    n_runs: int


def collect(states: Sequence[State], head: str, lock_of: LockOf) -> Collected:
    """Collect one row per finished run and data set.

    states: output of `dvc exp show --json`: the workspace and commits, each with the experiments that started from it;
    head: full revision of the current commit, whose own run is included; so is that of the workspace if it differs from all others;
    lock_of: revision or `workspace` -> its dvc.lock, which records the parameters of the last run of each stage.
    A run whose parameters were changed after scoring is left out, since its scores do not belong to these parameters.
    """
    experiments = [item for state in states for item in state["experiments"] or []]
    left_out: dict[str, list[str]] = defaultdict(list)
    left_out[UNFINISHED] = [_name(item) for item in experiments if not _finished(item)]
    runs, rows = _runs(states, [item for item in experiments if _finished(item)], head), []
    for run in runs:
        found = _rows(run, lock_of(run.rev))
        if isinstance(found, str):
            left_out[found].append(run.name)
        else:
            rows += found
    n_runs = len(runs) + len(left_out[UNFINISHED])
    return Collected(rows, {reason: names for reason, names in left_out.items() if names}, len(experiments), n_runs)


def _finished(experiment: State) -> bool:
    """Whether the experiment succeeded; the record of a failed one shows the metrics of the commit that it started from."""
    state = (experiment["executor"] or {}).get("state")
    return state in {None, "success"} and not experiment["revs"][0]["error"]


def _name(experiment: State) -> str:
    name: str = experiment["name"] or experiment["revs"][0]["rev"][:_REV_DIGITS]
    return name


def _runs(states: Sequence[State], finished: Sequence[State], head: str) -> list[Run]:
    """The branch's own run and the experiments by time, then the workspace's run if it differs from all of them."""
    runs = [Run(state["name"] or head[:_REV_DIGITS], head, state["data"]) for state in states if state["rev"] == head]
    runs += [Run(_name(item), item["revs"][0]["rev"], item["revs"][0]["data"]) for item in finished]
    runs = sorted((run for run in runs if run.data), key=lambda run: (run.data["timestamp"], run.name))
    workspace = [Run(WORKSPACE, WORKSPACE, state["data"]) for state in states if state["rev"] == WORKSPACE and state["data"]]
    results = [(run.data["params"], run.data["metrics"]) for run in runs]
    return runs + [run for run in workspace if (run.data["params"], run.data["metrics"]) not in results]


def _rows(run: Run, lock: Mapping[str, Any]) -> list[Experiment] | str:
    """Rows of one run, or the reason why there are none."""
    given = run.data["params"].get(_PARAMS, {}).get("data", {})
    try:
        params = Params.model_validate(given)
    except ValidationError:
        return OTHER_VERSION
    scored = [name for name in params.datasets if "n_fake" in _metrics(run, name)]
    if not scored:
        return NO_SCORES
    if any(_changed(given, lock.get("stages", {}), name, params.train.dataset) for name in scored):
        return CHANGED
    return [_row(run, params, name) for name in scored]


def _metrics(run: Run, dataset: str) -> Mapping[str, Any]:
    """Content of a data set's metrics.json without undefined measures; empty if the file is missing."""
    metrics: Mapping[str, Any] = run.data["metrics"].get(f"reports/{dataset}/metrics.json", {}).get("data", {})
    return metrics


def _changed(given: Mapping[str, Any], stages: Mapping[str, Any], dataset: str, training_set: str) -> bool:
    """Whether a stage behind the data set's scores last ran with other parameters than the given ones, or never ran."""
    score = f"evaluate@{dataset}"
    names = [score, "train", *(f"{step}@{name}" for step in _STEPS for name in {dataset, training_set})]
    recorded = [stages.get(name, {}).get("params", {}).get(_PARAMS, {}) for name in names]
    return score not in stages or any(_value(given, key) != value for params in recorded for key, value in params.items())


def _value(given: Mapping[str, Any], dotted: str) -> Any:
    """The value of a dotted key, None if there is none."""
    value: Any = given
    for part in dotted.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _row(run: Run, params: Params, dataset: str) -> Experiment:
    values: dict[str, Any] = {
        "experiment": run.name, "rev": "" if run.rev == WORKSPACE else run.rev[:_REV_DIGITS], "dataset": dataset,
        "adapter": layout_name(dataset, params.datasets[dataset]), "rest": rest_digest(params, dataset),
        **varied(params), **{name: _metrics(run, dataset).get(name) for name in MEASURED},
    }  # fmt: skip
    return Experiment(**values)
