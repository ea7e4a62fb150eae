"""Files are written atomically, and a write never changes another hard link to the same file."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from laanet_core.errors import describe_os_error
from laanet_core.store.csv_io import write_table
from laanet_core.store.writing import copy_file, replacing, write_bytes, write_json, write_text
from tests.helpers.paths import ROOT

WRITERS: dict[str, Callable[[Path], None]] = {
    "write_text": lambda path: write_text(path, "new"),
    "write_bytes": lambda path: write_bytes(path, b"new"),
    "write_json": lambda path: write_json(path, {"new": 1}),
    "copy_file": lambda path: copy_file(ROOT / "setup.cfg", path),
    "write_table": lambda path: write_table(path, ["new"], [{"new": 1}]),
}
DIRECT = {
    "laanet_core/store/writing.py": "the one place",
    "laanet_core/store/staging.py": "moves outputs to their places",
    "laanet_core/store/work_dir.py": "the file of a lock",
    "laanet_core/media/storage/shards.py": "an item, under the temporary name that it is given",
    "laanet_core/media/faces/landmarks.py": "an item, as above",
    "laanet_core/demo/build.py": "an item, as above",
    "laanet_core/demo/clips.py": "an item, as above",
    "laanet_core/training/state.py": "within `replacing`",
    "laanet_core/store/csv_io.py": "within `replacing`",
    "laanet_core/cli/running.py": "the file of a lock",
}
"""Modules that may open files for writing or rename them -> reason."""
WRITING_CALLS = {"imwrite", "save_file", "copyfile", "copy2", "move", "rename", "os.replace", "write_text", "write_bytes"}


@pytest.mark.parametrize("name", WRITERS)
def test_writing_to_a_hard_link_replaces_it_by_a_separate_file(name: str, tmp_path: Path) -> None:
    cached = tmp_path / "cached"
    cached.write_text("precious")
    cached.chmod(0o444)
    os.link(cached, tmp_path / "output")
    WRITERS[name](tmp_path / "output")
    assert cached.read_text() == "precious"
    assert (tmp_path / "output").read_text() != "precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cached", "output"]


def test_a_symbolic_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "cached").write_text("precious")
    (tmp_path / "output").symlink_to(tmp_path / "cached")
    write_text(tmp_path / "output", "new")
    assert (tmp_path / "cached").read_text() == "precious"


def test_a_failed_write_leaves_the_existing_file_unchanged_and_no_others(tmp_path: Path) -> None:
    path = tmp_path / "output"
    path.write_text("old")

    def fail() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["output"]


def test_an_error_names_the_requested_file_and_not_its_temporary_name(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="Is a directory") as found:
        write_text(tmp_path / "folder", "new")
    where = tmp_path / "folder"
    assert describe_os_error(found.value, "here") == (
        f"{where}: cannot be used (Is a directory); make it writable or choose another location, then run again."
    )


def test_an_error_of_the_program_is_not_reported_as_an_unusable_location() -> None:
    assert describe_os_error(FileNotFoundError(2, "No such file or directory", "x"), "here") is None
    assert describe_os_error(OSError("text"), "here") is None


def writes_of(source: str) -> list[str]:
    """Calls in a module that write, rename or copy files by themselves."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    found = [node for node in calls if {node.func.attr, ast.unparse(node.func)} & WRITING_CALLS]  # type: ignore[attr-defined]
    return [ast.unparse(node) for node in found + [node for node in calls if _opens_for_writing(node)]]


def _opens_for_writing(node: ast.Call) -> bool:
    modes = [word.value for word in node.args if isinstance(word, ast.Constant) and isinstance(word.value, str)]
    return ast.unparse(node.func).endswith(".open") and any(set(mode) & set("wax") and len(mode) <= 3 for mode in modes)


def test_no_other_module_writes_files_by_itself() -> None:
    modules = [path for folder in ("laanet_core", "stages") for path in (ROOT / folder).rglob("*.py")]
    direct = {str(path.relative_to(ROOT)): found for path in modules if (found := writes_of(path.read_text()))}
    assert {name: calls for name, calls in direct.items() if name not in DIRECT} == {}
    assert DIRECT.keys() - direct.keys() == set(), "a module is listed that does not write any more"
