"""Provenance in the report: revision, changed files and parameters, DVC hashes, machine, and what is unknown."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from laanet_core.params import Params, load_params
from stages.provenance import collect_provenance
from tests.helpers.paths import ROOT

PRESET = ROOT / "presets/demo.yaml"
LOCK = """schema: '2.0'
stages:
  crops@demo:
    deps: [{path: data/frames/demo, md5: 111.dir}]
    outs: [{path: data/crops/demo, md5: 222.dir}]
  evaluate@demo:
    deps: [{path: data/crops/demo, md5: 999.dir}, {path: stages/evaluate.py, md5: '333'}]
    outs: [{path: reports/demo/scores.csv, md5: '444'}, {path: reports/tables, md5: 555.dir}]
"""


@pytest.fixture
def params() -> Params:
    return load_params(PRESET)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "dvc.lock").write_text(LOCK)
    (tmp_path / "code.py").write_text("a = 1\n")
    shutil.copy(PRESET, tmp_path / "params.yaml")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "first")
    return tmp_path


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout


def test_an_unchanged_project_has_its_revision_and_hashes(project: Path, params: Params) -> None:
    found = collect_provenance(params, project)
    assert found.revision == git(project, "rev-parse", "HEAD").strip()
    assert (found.changed, found.parameters, found.gaps) == ((), (), ())
    assert dict(found.artefacts) == {"data/index/demo.csv": None, "data/crops/demo": "222.dir", params.evaluate.checkpoint: None}
    machine = dict(found.machine)
    assert machine["cores"] == str(len(os.sched_getaffinity(0)))
    assert machine["processor"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", found.made)


def test_changed_files_are_listed_except_those_written_by_the_pipeline(project: Path, params: Params) -> None:
    (project / "code.py").write_text("a = 2\n")
    (project / "new é.py").write_text("")
    (project / "dvc.lock").write_text(LOCK + "\n")
    for written in ("reports/demo/scores.csv", "reports/tables/table1.csv"):
        (project / written).parent.mkdir(parents=True, exist_ok=True)
        (project / written).write_text("x")
    assert collect_provenance(params, project).changed == ("code.py", "new é.py")


def test_parameters_that_an_experiment_left_are_named_with_both_values(project: Path, params: Params) -> None:
    text = PRESET.read_text()
    for old, new in (
        ("lambda2: 1 ", "lambda2: 10 "),
        ("levels: [6, 5, 4, 3]", "levels: [6, 5]"),
        ("  flip: false\n", ""),
        ("data/raw/demo\n", "data/raw/demo\n  mine: {root: /a}\n"),
    ):
        text = text.replace(old, new)
    (project / "params.yaml").write_text(text)
    found = collect_provenance(params, project)
    assert found.parameters == (
        ("lambda2", "1", "10"),
        ("datasets.mine.root", "not set", "/a"),
        ("model.levels", "[6, 5, 4, 3]", "[6, 5]"),
        ("evaluate.flip", "false", "not set"),
    )
    assert found.changed == ("params.yaml",)


@pytest.mark.parametrize("content", ["a: [", "3"])
def test_a_commit_without_readable_parameters_is_a_gap(project: Path, params: Params, content: str) -> None:
    (project / "params.yaml").write_text(content)
    git(project, "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qam", "second")
    shutil.copy(PRESET, project / "params.yaml")
    found = collect_provenance(params, project)
    assert [gap for gap in found.gaps if gap.startswith("Changes of parameters since the commit are unknown: a params.yaml could not")]
    git(project, "rm", "-qf", "params.yaml")
    git(project, "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "third")
    assert (
        "Changes of parameters since the commit are unknown: there is no commit with a params.yaml."
        in collect_provenance(params, project).gaps
    )


def test_a_missing_git_repository_or_lock_is_reported(tmp_path: Path, params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    found = collect_provenance(params, tmp_path)
    assert found.revision is None
    assert [artefact.digest for artefact in found.artefacts] == [None] * 3
    assert any("not a git repository" in gap for gap in found.gaps)
    assert any("There is no dvc.lock" in gap for gap in found.gaps)
    assert any("Changes of parameters since the commit are unknown" in gap for gap in found.gaps)
    monkeypatch.setenv("PATH", "")
    assert any("git is not installed" in gap for gap in collect_provenance(params, tmp_path).gaps)


@pytest.mark.parametrize("content", ["stages: [", "[]", "stages: 3", "stages: {a: {outs: [3]}}", "x: 1", ""])
def test_a_lock_that_cannot_be_read_is_a_gap(project: Path, params: Params, content: str) -> None:
    (project / "dvc.lock").write_text(content)
    found = collect_provenance(params, project)
    assert any("dvc.lock could not be read" in gap for gap in found.gaps)
    assert found.revision is not None
