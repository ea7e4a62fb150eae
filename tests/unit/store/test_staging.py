"""Staging: outputs are moved to their paths together, leftovers of killed runs are removed. Snapshots detect changed inputs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from laanet_core.errors import LaanetError
from laanet_core.store.snapshot import Snapshot
from laanet_core.store.staging import FOLDER, Staging

KILLED = """
import os, sys
from pathlib import Path
from laanet_core.store.staging import Staging
Staging(Path(sys.argv[1]), "killed").__enter__()
os._exit(9)
"""


def names(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def make(staging: Staging, path: str, text: str = "new") -> None:
    place = staging.folder / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


def test_files_and_folders_replace_existing_outputs_and_linked_files_keep_their_content(tmp_path: Path) -> None:
    for link, path in (("data/set/a", "cache/one"), ("data/table.csv", "cache/two")):
        for place in (tmp_path / link, tmp_path / path):
            place.parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("old")
        os.link(tmp_path / path, tmp_path / link)
    with Staging(tmp_path, "stage") as staging:
        for path in ("data/set/b", "data/table.csv", "data/unasked"):
            make(staging, path)
        staging.publish(["data/set", "data/table.csv"])
    assert names(tmp_path) == ["cache/one", "cache/two", "data/set/b", "data/table.csv"]
    assert {(tmp_path / path).read_text() for path in ("cache/one", "cache/two")} == {"old"}
    assert {(tmp_path / path).read_text() for path in ("data/set/b", "data/table.csv")} == {"new"}


def test_nothing_is_moved_when_one_output_was_not_made(tmp_path: Path) -> None:
    with Staging(tmp_path, "stage") as staging:
        make(staging, "data/a")
        with pytest.raises(LaanetError, match=r"data/b: is an output of stage 'stage' in dvc\.yaml"):
            staging.publish(["data/a", "data/b"])
    assert names(tmp_path) == []


def test_leftovers_of_killed_runs_are_removed_and_those_of_running_ones_kept(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    folder = tmp_path / FOLDER
    assert [path.name.split(".")[0] for path in folder.iterdir()] == ["killed"]
    with Staging(tmp_path, "alive") as alive:
        make(alive, "data/a")
        with Staging(tmp_path, "alive"):
            assert [path.name.split(".")[0] for path in folder.iterdir()] == ["alive", "alive"]
        alive.publish(["data/a"])
    assert names(tmp_path) == ["data/a"]
    assert not list(folder.iterdir())


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    for path in ("code/step.py", "shards/one.tar", "table.csv"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("content")
    return tmp_path


def snapshot(inputs: Path) -> Snapshot:
    return Snapshot([inputs / "code", inputs / "shards", inputs / "table.csv", inputs / "missing"])


@pytest.mark.parametrize("path", ["code/step.py", "table.csv"])
def test_a_file_that_was_written_again_with_the_same_content_counts_as_unchanged(inputs: Path, path: str) -> None:
    before = snapshot(inputs)
    (inputs / path).unlink()
    (inputs / path).write_text("content")
    assert before.changed() is None


@pytest.mark.parametrize("path", ["code/step.py", "shards/one.tar", "table.csv", "shards/two.tar", "missing"])
def test_any_change_is_found(inputs: Path, path: str) -> None:
    before = snapshot(inputs)
    (inputs / path).unlink(missing_ok=True)
    (inputs / path).write_text("other..")
    assert before.changed() == inputs / path
    with pytest.raises(LaanetError, match="was changed by another command while this stage ran"):
        before.check()


@pytest.mark.parametrize("path", ["code/step.py", "shards/one.tar", "table.csv"])
def test_a_removal_is_found(inputs: Path, path: str) -> None:
    before = snapshot(inputs)
    (inputs / path).unlink()
    assert before.changed() == inputs / path
