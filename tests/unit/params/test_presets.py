"""`laanet preset`: the preset is installed verbatim, own data sets are kept, and changes are reported."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from laanet_core.cli import app
from laanet_core.params import load_params
from tests.helpers.paths import ROOT

OWN = """  # mine, shot in 2024
  mine:
    root: /data/mine              # not on the server

    adapter: folder
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the presets, and the demo's in place."""
    shutil.copytree(ROOT / "presets", tmp_path / "presets")
    shutil.copy(ROOT / "presets/demo.yaml", tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def preset(name: str, *words: str) -> Result:
    return CliRunner().invoke(app, ["preset", name, *words])


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_without_own_data_sets_the_preset_is_in_place_byte_for_byte(project: Path) -> None:
    done = preset("paper")
    assert (done.exit_code, done.stderr) == (0, "")
    assert (project / "params.yaml").read_bytes() == (project / "presets/paper.yaml").read_bytes()
    lines = done.stdout.splitlines()
    assert "lambda2: 1.0 -> 100.0" in lines
    assert "crops.detector: retinaface_mobilenet -> retinaface_resnet50" in lines
    assert "train.ema: 0.98 -> null" in lines
    assert not any(line.startswith(("seed:", "crops.enlarge:")) for line in lines)
    assert {line for line in lines if line.startswith("datasets.")} == {
        *(f"datasets.{name}: added" for name in ("ffpp", "cdf2", "dfd", "dfdc", "dfdcp", "dfw")),
        "datasets.demo: removed",
    }


def test_own_data_sets_stay_as_they_are_written(project: Path) -> None:
    replace(project / "params.yaml", "    root: data/raw/demo\n", "    root: data/raw/demo\n" + OWN)
    before = load_params().datasets["mine"]
    assert "datasets.mine: kept\n" in preset("paper").stdout
    text, paper = (project / "params.yaml").read_text(), (project / "presets/paper.yaml").read_text()
    assert OWN in text
    assert text.replace(OWN, "") == paper
    params = load_params()
    assert list(params.datasets) == [*load_params(project / "presets/paper.yaml").datasets, "mine"]
    assert params.datasets["mine"] == before
    assert "datasets.mine: kept\n" in preset("demo").stdout
    assert list(load_params().datasets) == ["demo", "mine"]


@pytest.mark.parametrize("name", ["paper", "demo"])
def test_an_own_data_set_with_a_presets_name_is_kept_in_its_place(project: Path, name: str) -> None:
    shutil.copy(project / "presets/paper.yaml", project / "params.yaml")
    replace(project / "params.yaml", "{root: data/raw/cdf2}", "{root: /mnt/cdf2}  # on the raid")
    done = preset(name)
    assert ("datasets.cdf2: kept, instead of the preset's data set of that name\n" in done.stdout) == (name == "paper")
    assert "datasets.cdf2: kept" in done.stdout
    assert "  cdf2: {root: /mnt/cdf2}  # on the raid\n" in (project / "params.yaml").read_text()
    assert load_params().datasets["cdf2"].root == "/mnt/cdf2"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            "datasets:\n  demo:\n    root: data/raw/demo\n",
            "datasets: {demo: {root: data/raw/demo}, mine: {root: /a b}, other: {root: c}}\n",
        ),
        ("    root: data/raw/demo\n", "    root: &here data/raw/demo\n  mine: {root: '/a b'}\n  other: {root: c, listing: *here}\n"),
        (
            "  demo:\n    root: data/raw/demo\n",
            "      mine:\n          root: >-\n            /a\n            b\n      demo: {root: data/raw/demo}\n",
        ),
    ],
    ids=["braces", "alias", "folded"],
)
def test_however_data_sets_are_written_they_mean_the_same_afterwards(project: Path, old: str, new: str) -> None:
    replace(project / "params.yaml", old, new)
    before = load_params().datasets
    assert preset("paper").exit_code == 0
    after = load_params().datasets
    assert {name: entry for name, entry in before.items() if name != "demo"} == {name: after[name] for name in before if name != "demo"}
    assert after["mine"].root == "/a b"


def test_a_missing_file_gets_the_preset(project: Path) -> None:
    (project / "params.yaml").unlink()
    assert preset("demo").stdout.startswith("datasets.demo: added\n")
    other = project / "other.yaml"
    assert preset("paper", "--file", str(other)).exit_code == 0
    assert other.read_bytes() == (project / "presets/paper.yaml").read_bytes()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"seed: [", "params.yaml: not valid YAML"),
        (b"seed: 1\n", "params.yaml: parameter 'lambda1' is missing"),
        (b"\xff\xfe", "params.yaml: cannot be read"),
        (None, "params.yaml: cannot be read"),
    ],
    ids=["no YAML", "no parameters", "no text", "folder"],
)
def test_a_file_that_is_no_params_file_stays_and_is_one_sentence(project: Path, content: bytes | None, words: str) -> None:
    path = project / "params.yaml"
    path.unlink()
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    assert_refused(preset("paper"), words)
    assert path.is_dir() if content is None else path.read_bytes() == content


def test_an_unknown_preset_is_one_sentence(project: Path) -> None:
    for name in ("nope", "../presets/demo", "demo.yaml", ""):
        assert_refused(preset(name), "is not a preset (available: demo, paper)")
    shutil.rmtree(project / "presets")
    assert_refused(preset("demo"), "run in the project's folder")


def test_a_preset_that_cannot_take_a_data_set_or_does_not_load_is_one_sentence(project: Path) -> None:
    replace(project / "params.yaml", "    root: data/raw/demo\n", "    root: data/raw/demo\n" + OWN)
    values = yaml.safe_load((project / "presets/demo.yaml").read_text())
    (project / "presets/braces.yaml").write_text(yaml.safe_dump(values, default_flow_style=True))
    assert_refused(preset("braces"), "braces.yaml: its data sets are written in braces")
    (project / "presets/broken.yaml").write_text("seed: 1\n")
    assert_refused(preset("demo"), "broken.yaml: parameter 'lambda1' is missing")


def test_a_file_that_cannot_be_written_is_one_sentence(project: Path) -> None:
    assert_refused(preset("demo", "--file", "nowhere/params.yaml"), "nowhere/params.yaml: cannot be written")
    assert not list(project.glob(".params*"))


def assert_refused(done: Result, words: str) -> None:
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
    assert done.stderr.startswith("error: ")
    assert words in done.stderr
