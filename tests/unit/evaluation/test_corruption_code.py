"""The code of corruptions in work keys and in the version of the stage: each corruption has its own, and the stage has them all."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from laanet_core.evaluation.robustness.corruptions import CORRUPTIONS
from tests.helpers.paths import ROOT

pytestmark = pytest.mark.slow

PACKAGE = "laanet_core.evaluation.robustness.corruptions"
STAGES = ["robustness", "evaluate", "train", "report"]
PROGRAM = f"""
import json
from pathlib import Path
from laanet_core.evaluation.robustness import measure
from laanet_core.evaluation.robustness.corruptions import CORRUPTIONS
from laanet_core.params import load_params
from laanet_core.store.code import module_digests
params = load_params(Path({str(ROOT / "presets/paper.yaml")!r}))
conditions = [measure.CLEAN, *(measure.Condition(one, level) for one in CORRUPTIONS.values() for level in range(1, 6))]
keys = {{name: key for one in conditions for name, key in measure._keys(one, {{"video": "digest"}}, "weights", params).items()}}
print(json.dumps([keys, {{stage: module_digests("stages." + stage) for stage in {STAGES}}}]))
"""
NEW = """
import numpy as np

from laanet_core.evaluation.robustness.corruption import Corruption


def invert(image, part, _generator):
    return np.rint(image + part * (255.0 - 2.0 * image)).astype(np.uint8)


CORRUPTION = Corruption("invert", (0.1, 0.2, 0.3, 0.4, 0.5), invert)
"""


class Code(NamedTuple):
    """keys: condition and video -> work key; stages: stage -> module -> digest, as `data/code` has them."""

    keys: dict[str, str]
    stages: dict[str, dict[str, str]]


def code_of(source: Path) -> Code:
    environment = {**os.environ, "PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-P", "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    return Code(*json.loads(done.stdout))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a copy of the packages."""
    folder = tmp_path_factory.mktemp("source")
    for package in ("laanet_core", "stages"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture(scope="module")
def unchanged(source: Path) -> Code:
    return code_of(source)


@pytest.fixture
def folder(source: Path, unchanged: Code) -> Iterator[Path]:
    """The copy's folder of corruptions, restored afterwards. It depends on `unchanged`, which must be taken first."""
    folder = source / PACKAGE.replace(".", "/")
    before = {path: path.read_text() for path in folder.glob("*.py")}
    yield folder
    for path in folder.glob("*.py"):
        path.unlink()
    for path, text in before.items():
        path.write_text(text)


def changed_modules(before: Code, after: Code, stage: str) -> set[str]:
    """The modules of the stage that have another digest, or that are reached by one of both only."""
    return {module for module, _ in before.stages[stage].items() ^ after.stages[stage].items()}


def test_the_version_of_the_stage_has_every_corruption_and_that_of_no_other_stage_has_one(unchanged: Code) -> None:
    files = {f"{PACKAGE}.{path.stem}" for path in (ROOT / PACKAGE.replace(".", "/")).glob("*.py") if path.stem != "__init__"}
    assert len(files) == len(CORRUPTIONS) == (len(unchanged.keys) - 1) / 5
    assert files < unchanged.stages["robustness"].keys()
    for stage in STAGES[1:]:
        assert not [module for module in unchanged.stages[stage] if module.startswith(PACKAGE)]


@pytest.mark.parametrize(
    ("old", "new", "severities"),
    [
        ("    height, width = image.shape[:2]\n", "    height, width = image.shape[0], image.shape[1]\n", "12345"),
        ("(2, 3, 4, 5, 6)", "(2, 3, 4, 5, 7)", "5"),
        ('    """Divide', '    """To divide', ""),
    ],
)
def test_an_edited_corruption_changes_its_own_keys_and_the_version_of_the_stage(
    folder: Path, source: Path, unchanged: Code, old: str, new: str, severities: str
) -> None:
    path = folder / "pixelation.py"
    assert path.read_text().count(old) == 1
    path.write_text(path.read_text().replace(old, new))
    edited = code_of(source)
    assert {name for name in edited.keys if edited.keys[name] != unchanged.keys[name]} == {
        f"pixelation {each} video" for each in severities
    }
    assert changed_modules(unchanged, edited, "robustness") == ({f"{PACKAGE}.pixelation"} if severities else set())
    assert all(changed_modules(unchanged, edited, stage) == set() for stage in STAGES[1:])


def test_a_new_file_is_a_new_corruption_that_changes_the_version_of_the_stage_and_no_key(
    folder: Path, source: Path, unchanged: Code
) -> None:
    (folder / "invert.py").write_text(NEW)
    more = code_of(source)
    assert more.keys.items() >= unchanged.keys.items()
    assert more.keys.keys() - unchanged.keys.keys() == {f"invert {severity} video" for severity in range(1, 6)}
    assert changed_modules(unchanged, more, "robustness") == {f"{PACKAGE}.invert"}


def test_a_file_alone_makes_a_corruption_known_to_the_first_stage(source: Path, folder: Path, tmp_path: Path) -> None:
    text = (ROOT / "presets/demo.yaml").read_text()
    assert text.count("[saturation, contrast,") == 1
    (tmp_path / "params.yaml").write_text(text.replace("[saturation, contrast,", "[saturation, invert, contrast,"))
    shutil.copyfile(ROOT / "dvc.yaml", tmp_path / "dvc.yaml")
    refused = run_code_stage(source, tmp_path)
    assert refused.returncode == 1
    known = ", ".join(CORRUPTIONS)
    assert refused.stderr.startswith(f"error: params.yaml: robustness.corruptions: 'invert' is unknown; choose from {known}, or ")
    assert len(refused.stderr.splitlines()) == 1
    assert not (tmp_path / "data").exists()
    (folder / "invert.py").write_text(NEW)
    done = run_code_stage(source, tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"{PACKAGE}.invert" in json.loads((tmp_path / "data/code/robustness.json").read_text())


def run_code_stage(source: Path, root: Path) -> subprocess.CompletedProcess[str]:
    """Run `python -m stages.code`, the first stage of the pipeline, in the project folder `root`."""
    environment = {**os.environ, "PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1", "LAANET_WORK": str(root / ".work")}
    return subprocess.run(
        [sys.executable, "-P", "-m", "stages.code"], cwd=root, env=environment, capture_output=True, text=True, check=False
    )
