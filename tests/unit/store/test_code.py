"""Code versions: they ignore changes that cannot affect a result, and cover everything that a step uses."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.paths import ROOT

pytestmark = pytest.mark.slow

STEP = '''"""A step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import toy.tools as kit
from toy import names
from toy.base import Base, again
from toy.shapes import square as area

if TYPE_CHECKING:
    from toy.task import Task

SCALE = 2
try:
    import nothing_of_this_name as extra
except ImportError:
    extra = None


@again
def make(task: Task, side: float = SCALE) -> float:
    """Something from a task."""
    # a comment
    from toy.late import shift

    return shift(area(side)) + kit.rounded(side) + names.depth() + _own(side) + Maker().value()


def _own(side: float) -> float:
    return side if extra is None else extra


class Maker(Base):
    """A class."""

    def value(self) -> float:
        """A value."""
        return self.start


def other() -> int:
    """Nothing that `make` reaches."""
    return 1


if __name__ == "__main__":
    print(make)
'''
TOY = {
    "step.py": STEP,
    "__init__.py": "from toy.deep import depth\n",
    "tools.py": "from toy import inner\n\ndef rounded(x):\n    return round(x, inner.DIGITS)\n\n\ndef unused():\n    return 0\n",
    "inner.py": "DIGITS = 3\n",
    "names.py": "from toy import depth\n",
    "deep.py": "def depth():\n    return 1\n",
    "base.py": "from functools import wraps\n\n\nclass Base:\n    start: int = 1\n\n\ndef again(f):\n    @wraps(f)\n    def run(*a):\n"
    "        return f(*a)\n\n    return run\n",
    "shapes.py": "if True:\n    def square(x):\n        return x * x\nelse:\n    square = None\n",
    "late.py": "from toy.tables import SHIFTS\n\n\ndef shift(x):\n    return SHIFTS['one'](x)\n",
    "tables.py": "from toy import movers\n\nSHIFTS = {'one': movers.one}\nSHIFTS['three'] = 1\n",
    "movers.py": "def one(x):\n    return x + 1\n\n\ndef two(x):\n    return x + 2\n",
    "task.py": "class Task:\n    def run(self):\n        return 1\n",
    "apart.py": "X = 1\n",
}  # fmt: skip
"""A package: file -> content."""


def toy_key(folder: Path, files: dict[str, str]) -> str:
    """Key of `toy.step.make` of a package with these files."""
    shutil.rmtree(folder / "toy", ignore_errors=True)
    for name, text in files.items():
        (folder / "toy" / name).parent.mkdir(exist_ok=True)
        (folder / "toy" / name).write_text(text)
    return python("import toy.step; from laanet_core.store.code import code_key; print(code_key(toy.step.make))", folder, ROOT)


def python(program: str, *path: Path) -> str:
    """Output of a program that is run with these folders on the import path."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path)), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-P", "-c", program]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("step.py", "# a comment", "# another comment"),
        ("step.py", "Something from a task.", "Anything from a task."),
        ("step.py", '"""A class."""', '"""A good class."""'),
        ("step.py", '        """A value."""\n', ""),
        ("step.py", "SCALE = 2", "\n\nSCALE = (\n    2\n)"),
        ("step.py", "-> float:", "-> int:"),
        ("step.py", "return 1\n", "return 2\n"),
        ("step.py", "print(make)", "print(other)"),
        ("step.py", "import nothing_of_this_name as extra", "import nothing_of_this_name as extra  # noqa"),
        ("tools.py", "return 0", "return 5"),
        ("apart.py", "X = 1", "X = 2"),
    ],
)
def test_edits_that_cannot_change_a_result_do_not_change_the_key(tmp_path: Path, name: str, old: str, new: str) -> None:
    assert old in TOY[name]
    assert toy_key(tmp_path, TOY) == toy_key(tmp_path, {**TOY, name: TOY[name].replace(old, new)})


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("step.py", "+ _own(side)", "- _own(side)"),
        ("step.py", "    return side if", "    return -side if"),
        ("step.py", "SCALE = 2", "SCALE = 3"),
        ("step.py", "return self.start", "return 0"),
        ("step.py", "@again\n", ""),
        ("step.py", "    extra = None", "    extra = 0"),
        ("tables.py", "= 1", "= 2"),
        ("tools.py", "round(x, inner.DIGITS)", "round(x)"),
        ("inner.py", "3", "4"),
        ("deep.py", "return 1", "return 2"),
        ("base.py", "start: int = 1", "start: int = 2"),
        ("base.py", "return f(*a)", "return -f(*a)"),
        ("shapes.py", "x * x", "x"),
        ("shapes.py", "square = None", "square = 0"),
        ("late.py", "'one'", "'two'"),
        ("tables.py", "movers.one", "movers.two"),
        ("movers.py", "x + 1", "x + 3"),
        ("task.py", "return 1", "return 2"),
    ],
)
def test_edits_of_used_code_change_the_key(tmp_path: Path, name: str, old: str, new: str) -> None:
    assert old in TOY[name]
    assert toy_key(tmp_path, TOY) != toy_key(tmp_path, {**TOY, name: TOY[name].replace(old, new)})


KEYS = """
import json
from laanet_core.quality import measure as quality
from laanet_core.demo import build
from laanet_core.evaluation import evaluate
from laanet_core.evaluation.robustness import measure as robustness
from laanet_core.media import frames
from laanet_core.media.faces import crops
from laanet_core.media.faces import landmarks
from laanet_core.training import trainer
from laanet_core.store.code import code_key
makers = {
    "clips": build._make_clip, "tracks": build._make_track, "fakes": build._make_fake, "frames": frames.sample_video,
    "crops": crops.crop_video, "landmarks": landmarks.find_landmarks, "quality": quality.compare_pair, "train": trainer.train,
    "robustness": robustness._corrupt,
}
print(json.dumps({**{step: code_key(maker) for step, maker in makers.items()}, "evaluate": evaluate._scoring_code_key()}))
"""
"""Prints the key of each step's code."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a copy of the package."""
    folder = tmp_path_factory.mktemp("source")
    shutil.copytree(ROOT / "laanet_core", folder / "laanet_core", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture(scope="module")
def keys(source: Path) -> dict[str, str]:
    """Step -> key of its code, as it is."""
    loaded: dict[str, str] = json.loads(python(KEYS, source))
    return loaded


def with_statement(text: str, name: str, statement: str = "assert True") -> str:
    """A module's source with a statement at the start of one of its functions, or of a method `Class.name`."""
    body: list[Any] = ast.parse(text).body
    for part in name.split("."):
        found = next(node for node in body if getattr(node, "name", None) == part)
        body = found.body
    first = body[1] if isinstance(body[0], ast.Expr) and len(body) > 1 else body[0]
    lines = text.splitlines()
    lines.insert(first.lineno - 1, " " * first.col_offset + statement)
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("path", "function", "steps"),
    [
        ("media/decoding/base.py", "select_frames", {"frames"}),
        ("media/storage/shards.py", "read_rgb", {"crops", "landmarks", "quality", "evaluate", "train"}),
        ("media/faces/shape_predictor.py", "predict_landmarks", {"landmarks", "tracks"}),
        ("media/faces/retinaface.py", "suppress", {"crops", "tracks"}),
        ("model/pyramid.py", "EnhancedPyramid.forward", {"evaluate", "train"}),
        ("synthesis/sbi.py", "change_colours", {"train"}),
        ("evaluation/robustness/corruption.py", "Corruption.apply", {"robustness"}),
        ("quality/measure.py", "compare_pair", {"quality"}),
        ("demo/clips.py", "write_video", {"clips", "fakes"}),
        ("evaluation/metrics.py", "measure", set()),
        ("cli/storage.py", "verify", set()),
        ("store/code.py", "code_key", set()),
    ],
)
def test_a_function_changes_exactly_the_steps_that_reach_it(
    source: Path, keys: dict[str, str], path: str, function: str, steps: set[str]
) -> None:
    file = source / "laanet_core" / path
    text = file.read_text()
    file.write_text(with_statement(text, function))
    try:
        changed = json.loads(python(KEYS, source))
    finally:
        file.write_text(text)
    assert {step for step in keys if changed[step] != keys[step]} == steps


def test_comments_and_docstrings_of_the_whole_package_redo_nothing(source: Path, keys: dict[str, str]) -> None:
    before = {file: file.read_text() for file in source.rglob("*.py")}
    for file, text in before.items():
        tree = ast.parse(text)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
                node.body[0] = ast.Expr(ast.Constant("Other words."))
        file.write_text(f"# a comment\n{ast.unparse(ast.fix_missing_locations(tree))}\n# another\n")
    try:
        assert json.loads(python(KEYS, source)) == keys
    finally:
        for file, text in before.items():
            file.write_text(text)
