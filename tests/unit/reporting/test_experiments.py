"""Collection of experiments with their results, and the digest that decides which of them are comparable."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from laanet_core.errors import LaanetError
from laanet_core.params import Params
from laanet_core.reporting.paper.collect import CHANGED, NO_SCORES, OTHER_VERSION, UNFINISHED, Collected, collect
from laanet_core.reporting.paper.experiments import read_experiments, rest_digest, write_experiments
from tests.helpers.paths import ROOT
from tests.helpers.project import table

pytestmark = pytest.mark.slow

PRESETS = ROOT / "presets"
HEAD, OLDER = "a" * 40, "b" * 40
METRICS = {"auc": 0.8, "auc_low": 0.7, "auc_high": 0.9, "ap": 0.95, "n_real": 9, "n_fake": 16, "coverage": 0.96}

Json = dict[str, Any]


def given(preset: str = "demo", **change: Any) -> Json:
    """A preset's params.yaml with dotted keys changed (`model__pyramid=`)."""
    params: Json = yaml.safe_load((PRESETS / f"{preset}.yaml").read_text())
    for dotted, value in change.items():
        *sections, last = dotted.split("__")
        place = params
        for section in sections:
            place = place[section]
        place[last] = value
    return params


def state(rev: str, params: Json, metrics: Json | None, time: str | None = "10:00", **more: Any) -> Json:
    """One revision in the format of `dvc exp show --json`; metrics: data set -> content of metrics.json."""
    files = {f"reports/{name}/metrics.json": {"data": values} for name, values in (metrics or {}).items()}
    shown = {
        "rev": rev, "timestamp": f"2026-11-24T{time}:00" if time else None, "params": {"params.yaml": {"data": params}},
        "metrics": files, "deps": {}, "outs": {}, "meta": {},
    }  # fmt: skip
    return {"rev": rev, "name": None, "data": shown, "error": None, "experiments": None, **more}


def experiment(name: str, params: Json, metrics: Json | None, time: str = "11:00", ended: str | None = "success") -> Json:
    """An experiment of a commit. ended: final state of a queued experiment; None for one that was not queued."""
    error = {"msg": "Experiment run failed", "type": ""} if ended == "failed" else None
    executor = {"state": ended, "name": "dvc-task", "local": {}} if ended else None
    rev = name.encode().hex().ljust(40, "0")
    return {"revs": [state(rev, params, metrics, time, name=name, error=error)], "executor": executor, "name": name}


def locked(params: Json) -> Json:
    """A dvc.lock of a run with these parameters."""
    stages: Json = {"train": {name: params[name] for name in ("lambda1", "lambda2", "model", "synthesis", "train")}}
    for name in params["datasets"]:
        stages[f"frames@{name}"] = {"frames": params["frames"], f"datasets.{name}": params["datasets"][name]}
        stages[f"crops@{name}"] = {"crops.size": params["crops"]["size"]}
        stages[f"evaluate@{name}"] = {"evaluate": params["evaluate"], "seed": params["seed"]}
    return {"stages": {name: {"params": {"params.yaml": values}} for name, values in stages.items()}}


def collected(baseline: Json, *experiments: Json, workspace: Json | None = None, older: list[Json] | None = None) -> Collected:
    """Result of `collect` if the dvc.lock of each run has the run's own parameters."""
    head = {**baseline, "name": "main", "experiments": list(experiments) or None}
    before = state(OLDER, given(), {"demo": {**METRICS, "auc": 0.1}}, "09:00", experiments=older)
    states = [{**(workspace or state("workspace", given(), {"demo": METRICS}, None))}, head, before]
    locks = {item["rev"]: locked(item["data"]["params"]["params.yaml"]["data"]) for item in states}
    for item in [*experiments, *(older or [])]:
        tip = item["revs"][0]
        locks[tip["rev"]] = locked(tip["data"]["params"]["params.yaml"]["data"])
    return collect(states, HEAD, locks.__getitem__)


def baseline() -> Json:
    return state(HEAD, given(), {"demo": METRICS})


def test_each_run_and_data_set_has_a_row_with_its_parameters_and_results() -> None:
    two = given(lambda2=10, datasets={"demo": {"root": "data/raw/demo"}, "celebs": {"root": "/cdf", "adapter": "cdf2"}})
    two["model"] |= {"heads": ["heatmap", "consistency"], "levels": [6, 5], "pyramid": "fpn"}
    found = collected(baseline(), experiment("ten", two, {"demo": METRICS, "celebs": {**METRICS, "auc": 0.6}}))
    assert [(row.experiment, row.dataset) for row in found.rows] == [("main", "demo"), ("ten", "demo"), ("ten", "celebs")]
    last = found.rows[-1]._asdict()
    assert last.pop("rest") == rest_digest(Params.model_validate(two), "celebs")
    assert last == {
        "experiment": "ten", "rev": b"ten".hex() + "0", "dataset": "celebs", "adapter": "cdf2", "lambda1": 0.01, "lambda2": 10,
        "pyramid": "fpn", "levels": "6,5", "heads": "consistency,heatmap", "method": "sbi", **{**METRICS, "auc": 0.6},
    }  # fmt: skip
    assert (found.left_out, found.n_experiments) == ({}, 1)


@pytest.mark.parametrize("ended", ["queued", "running", "failed"])
def test_unfinished_experiments_are_named_and_have_no_row(ended: str) -> None:
    found = collected(
        baseline(),
        experiment("good", given(lambda2=2), {"demo": METRICS}),
        experiment("bad", given(lambda2=3), {"demo": METRICS}, ended=ended),
    )
    assert [row.experiment for row in found.rows] == ["main", "good"]
    assert found.left_out == {UNFINISHED: ["bad"]}
    assert (found.n_experiments, found.n_runs) == (2, 3)


def test_the_latest_run_is_the_last_row() -> None:
    late, early = (experiment(name, given(lambda2=2), {"demo": METRICS}, time) for name, time in (("late", "13:00"), ("early", "12:00")))
    changed = state("workspace", given(lambda2=5), {"demo": METRICS}, None)
    found = collected(baseline(), late, early, workspace=changed)
    assert [(row.experiment, row.rev == "") for row in found.rows] == [
        ("main", False), ("early", False), ("late", False), ("workspace", True),
    ]  # fmt: skip


def test_a_workspace_that_equals_the_branch_or_an_experiment_has_no_row() -> None:
    applied = state("workspace", given(lambda2=2), {"demo": {**METRICS, "auc": 0.5}}, None)
    found = collected(baseline(), experiment("two", given(lambda2=2), {"demo": {**METRICS, "auc": 0.5}}), workspace=applied)
    assert [row.experiment for row in found.rows] == ["main", "two"]


def test_experiments_of_earlier_commits_are_collected_but_not_the_runs_of_these_commits() -> None:
    found = collected(baseline(), older=[experiment("before", given(lambda2=2), {"demo": METRICS}, "09:30")])
    assert [row.experiment for row in found.rows] == ["before", "main"]


@pytest.mark.parametrize(
    "change", [{"lambda2": 7}, {"crops__size": 128}, {"evaluate__flip": True}, {"datasets": {"demo": {"root": "/elsewhere"}}}], ids=str
)
def test_a_run_with_parameters_changed_after_scoring_is_named_and_has_no_row(change: Json) -> None:
    edited = state("workspace", given(**change), {"demo": METRICS}, None)
    found = collect([edited], HEAD, lambda rev: locked(given()))
    assert (found.rows, found.left_out) == ([], {CHANGED: ["workspace"]})


def test_scores_without_a_recorded_evaluation_are_left_out() -> None:
    lock = locked(given())
    del lock["stages"]["evaluate@demo"]
    for record in (lock, {}):
        found = collect([state("workspace", given(), {"demo": METRICS}, None)], HEAD, {"workspace": record}.__getitem__)
        assert found.left_out == {CHANGED: ["workspace"]}


def test_runs_without_scores_and_of_other_versions_are_named() -> None:
    old = given()
    del old["evaluate"]["bootstrap"]
    broken = experiment("broken", given(lambda2=4), None)
    broken["revs"][0]["data"]["metrics"]["reports/demo/metrics.json"] = {"error": {"type": "FileNotFoundError", "msg": ""}}
    found = collected(baseline(), experiment("old", old, {"demo": METRICS}), experiment("none", given(lambda2=3), None, "12:00"), broken)
    assert [row.experiment for row in found.rows] == ["main"]
    assert found.left_out == {OTHER_VERSION: ["old"], NO_SCORES: ["broken", "none"]}


def test_an_undefined_measure_is_empty_and_rows_are_read_as_written(tmp_path: Path) -> None:
    without = {name: value for name, value in METRICS.items() if not name.startswith(("auc", "ap"))}
    found = collected(baseline(), experiment("one", given(lambda2=1 / 3, model__heads=[]), {"demo": without}))
    write_experiments(tmp_path / "experiments.csv", found.rows)
    assert (found.rows[1].auc, found.rows[1].ap, found.rows[1].heads) == (None, None, "")
    assert read_experiments(tmp_path / "experiments.csv") == found.rows


def test_a_table_of_experiments_without_a_column_is_reported(tmp_path: Path) -> None:
    (tmp_path / "experiments.csv").write_text("experiment,rev\n")
    with pytest.raises(LaanetError, match="has no column 'dataset'"):
        read_experiments(tmp_path / "experiments.csv")


def digest(dataset: str = "demo", preset: str = "demo", **change: Any) -> str:
    return rest_digest(Params.model_validate(given(preset, **change)), dataset)


@pytest.mark.parametrize(
    "change",
    [
        {"lambda1": 3}, {"lambda2": 3}, {"model__pyramid": "none"}, {"model__levels": [6]}, {"model__heads": []},
        {"synthesis__method": "bi"}, {"evaluate__gallery": 0}, {"evaluate__threshold": 0.7}, {"train__save_every": 1},
        {"train__keep_last": 1}, {"train__log_every": 9}, {"robustness__frames": 1}, {"assets__paths": {"x": "/y"}},
        {"quality__bins": [0, 1]}, {"train__gamma": 2.0},
        {"datasets": {"demo": {"root": "data/raw/demo", "adapter": "demo"}, "other": {"root": "/o"}}},
    ],
    ids=str,
)  # fmt: skip
def test_the_rest_digest_ignores_varied_parameters_and_those_without_effect(change: Json) -> None:
    assert digest(**change) == digest()
    assert len(digest()) == 12
    int(digest(), 16)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 2}, {"model__backbone": "resnet18"}, {"model__gamma_w": 2}, {"train__epochs": 3}, {"train__recipe": "official"},
        {"crops__size": 192}, {"frames__minimum": 3}, {"synthesis__sbi__hue": 0}, {"augment__flip": 0}, {"evaluate__average": "logit"},
        {"evaluate__split": "val"}, {"evaluate__calibration": "none"}, {"demo__seconds": 1}, {"datasets__demo__root": "/other"},
    ],
    ids=str,
)  # fmt: skip
def test_the_rest_digest_depends_on_parameters_that_change_a_score(change: Json) -> None:
    assert digest(**change) != digest()


def test_the_rest_digest_covers_only_this_data_set_and_the_training_set() -> None:
    plain = digest("cdf2", "paper")
    assert digest("cdf2", "paper", datasets__dfd__partial=True, demo__seconds=9) == plain
    assert digest("cdf2", "paper", datasets__ffpp__compression="c40") != plain
    assert digest("cdf2", "paper", datasets__cdf2__partial=True) != plain
    assert digest("dfd", "paper") != plain


TOY = """
stages:
  train:
    cmd: "true"
    params: [lambda1, lambda2, model]
  evaluate:
    foreach: ${datasets}
    do:
      cmd: python score.py ${key}
      params: [seed, lambda2]
      metrics:
        - reports/${key}/metrics.json:
            cache: false
"""
SCORE = """
import json, pathlib, sys, yaml
out = pathlib.Path("reports", sys.argv[1], "metrics.json")
out.parent.mkdir(parents=True, exist_ok=True)
auc = yaml.safe_load(open("params.yaml"))["lambda2"] / 100
out.write_text(json.dumps({"auc": auc, "auc_low": None, "auc_high": None, "ap": 0.5, "n_real": 1, "n_fake": 2, "coverage": 1.0}))
"""


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """A DVC project with this project's parameters and trivial stages, run and committed."""
    root = tmp_path / "toy"
    root.mkdir()
    shutil.copy(PRESETS / "demo.yaml", root / "params.yaml")
    (root / "dvc.yaml").write_text(TOY)
    (root / "score.py").write_text(SCORE)
    for command in (["git", "init", "-q", "-b", "trunk"], ["dvc", "init", "-q"], ["dvc", "repro", "-q"]):
        in_toy(root, *command)
    commit(root)
    return root


def in_toy(root: Path, *command: str) -> str:
    """Output of a command run in that folder; its exit status is ignored."""
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "DVC_SITE_CACHE_DIR": str(root.parent / "site"),
        "DVC_GLOBAL_CONFIG_DIR": str(root.parent / "config"), "DVC_NO_ANALYTICS": "1", "GIT_CONFIG_GLOBAL": os.devnull,
    }  # fmt: skip
    environment |= {f"GIT_{who}_{what}": "test@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(command, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout


def commit(root: Path) -> None:
    in_toy(root, "git", "add", "--all")
    in_toy(root, "git", "commit", "-q", "-m", "state")


def test_experiments_of_dvc_are_collected_across_commits_and_unfinished_work_is_named(toy: Path) -> None:
    out = toy / "reports/experiments.csv"
    assert "1 row written; there are no experiments yet" in in_toy(toy, "laanet", "collect")
    in_toy(toy, "dvc", "exp", "run", "-q", "-n", "ten", "-S", "lambda2=10")
    in_toy(toy, "git", "checkout", "-q", ".")
    commit(toy)
    in_toy(toy, "dvc", "exp", "run", "-q", "--queue", "-n", "waits", "-S", "lambda2=20")
    params = (toy / "params.yaml").read_text()
    (toy / "params.yaml").write_text(params.replace("lambda2: 1 ", "lambda2: 30 "))
    output = in_toy(toy, "laanet", "collect")
    assert "1 of 4 runs skipped (queued, running or failed; see 'dvc queue status'): waits\n" in output
    assert "1 of 4 runs skipped (parameters changed after scoring; run 'dvc repro' or the experiment again): workspace\n" in output
    assert {(row["experiment"], row["lambda2"], row["auc"]) for row in table(out)} == {("trunk", "1.0", "0.01"), ("ten", "10.0", "0.1")}
    in_toy(toy, "dvc", "repro", "-q")
    in_toy(toy, "laanet", "collect")
    assert [(row["experiment"], row["rev"], row["auc"]) for row in table(out)][-1] == ("workspace", "", "0.3")


def test_collecting_outside_a_project_is_reported_in_one_sentence(tmp_path: Path) -> None:
    output = in_toy(tmp_path, "laanet", "collect")
    assert output.startswith("error: ")
    assert output.count("\n") == 1
    assert "run in the project's folder" in output
