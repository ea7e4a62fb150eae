"""Rows of the table of experiments, from what the pipeline's record of experiments says in plain dictionaries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from laanet_core.params import Params
from laanet_core.reporting.paper.experiments import MEASURED, Experiment, layout_of, rest_digest, varied

WORKSPACE = "workspace"
UNFINISHED = "queued, running or failed; see 'dvc queue status'"
NO_SCORES = "without scores of any data set; run 'dvc repro', or the experiment again"
CHANGED = "with parameters changed after scoring; run 'dvc repro', or the experiment again"
OTHER_VERSION = "with parameters that this version does not take"

_REV_DIGITS = 7
_PARAMS = "params.yaml"
_STEPS = ("frames", "crops")

State = Mapping[str, Any]
LockOf = Callable[[str], Mapping[str, Any]]


class Run(NamedTuple):
    """A finished run. name: of its experiment, branch, or `workspace`; rev: full revision; data: its parameters and metrics by file."""

    name: str
    rev: str
    data: Mapping[str, Any]


class Collected(NamedTuple):
    """rows: the oldest run first; left_out: reason -> names of runs; n_experiments, n_runs: with the branch's and workspace's."""

    rows: list[Experiment]
    left_out: dict[str, list[str]]
    n_experiments: int
    n_runs: int


def collect(states: Sequence[State], head: str, lock_of: LockOf) -> Collected:
    """One row for each finished run and data set.

    states: what `dvc exp show --json` prints: the workspace and commits, each with the experiments that began there;
    head: full revision whose own run counts, as that of the workspace does where it differs from all others;
    lock_of: revision or `workspace` -> its dvc.lock, which tells the parameters that a stage last ran with.
    A run whose parameters were changed since is left out: the scores in its files are not theirs.
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
    """Whether it ended well; the record of one that failed shows the metrics of the commit it began at."""
    state = (experiment["executor"] or {}).get("state")
    return state in {None, "success"} and not experiment["revs"][0]["error"]


def _name(experiment: State) -> str:
    name: str = experiment["name"] or experiment["revs"][0]["rev"][:_REV_DIGITS]
    return name


def _runs(states: Sequence[State], finished: Sequence[State], head: str) -> list[Run]:
    """The branch's own run and the experiments by time, then the workspace's where it is none of them."""
    runs = [Run(state["name"] or head[:_REV_DIGITS], head, state["data"]) for state in states if state["rev"] == head]
    runs += [Run(_name(item), item["revs"][0]["rev"], item["revs"][0]["data"]) for item in finished]
    runs = sorted((run for run in runs if run.data), key=lambda run: (run.data["timestamp"], run.name))
    here = [Run(WORKSPACE, WORKSPACE, state["data"]) for state in states if state["rev"] == WORKSPACE and state["data"]]
    return runs + [run for run in here if not any(_same(run, other) for other in runs)]


def _same(run: Run, other: Run) -> bool:
    return all(run.data[part] == other.data[part] for part in ("params", "metrics"))


def _rows(run: Run, lock: Mapping[str, Any]) -> list[Experiment] | str:
    """Rows of one run, or why there are none."""
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
    """A data set's metrics.json, empty where it is missing; keys without a value are left out of it."""
    found: Mapping[str, Any] = run.data["metrics"].get(f"reports/{dataset}/metrics.json", {}).get("data", {})
    return found


def _changed(given: Mapping[str, Any], stages: Mapping[str, Any], dataset: str, learnt: str) -> bool:
    """Whether a stage behind the data set's scores last ran with other parameters than are given, or never."""
    score = f"evaluate@{dataset}"
    names = [score, "train", *(f"{step}@{name}" for step in _STEPS for name in {dataset, learnt})]
    recorded = ((key, value) for name in names for key, value in _recorded(stages, name))
    return score not in stages or any(_value(given, key) != value for key, value in recorded)


def _recorded(stages: Mapping[str, Any], name: str) -> Iterator[tuple[str, Any]]:
    yield from stages.get(name, {}).get("params", {}).get(_PARAMS, {}).items()


def _value(given: Mapping[str, Any], dotted: str) -> Any:
    """The value of a dotted key, None where there is none."""
    value: Any = given
    for part in dotted.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _row(run: Run, params: Params, dataset: str) -> Experiment:
    values: dict[str, Any] = {
        "experiment": run.name, "rev": "" if run.rev == WORKSPACE else run.rev[:_REV_DIGITS], "dataset": dataset,
        "adapter": layout_of(dataset, params.datasets[dataset]), "rest": rest_digest(params, dataset),
        **varied(params), **{name: _metrics(run, dataset).get(name) for name in MEASURED},
    }  # fmt: skip
    return Experiment(**values)
