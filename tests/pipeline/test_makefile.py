"""The Makefile's virtual environment: created once, and again after the clone was moved or copied. A stub replaces Python and pip."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.helpers.paths import ROOT

MADE_AGAIN = ".venv was made at another place, or by a Python that no longer exists; making it again"
PYTHON = r"""#!/bin/bash
# replaces Python for the commands of the Makefile; `-m venv` and pip write programs with the absolute path of their Python
set -e
case "$*" in
  "-m venv .venv")
    mkdir -p .venv/bin
    cp "$0" .venv/bin/python
    echo made >> log
    programs=pip ;;
  *"install"*"-r requirements.lock") programs=dvc ;;
esac
for program in $programs; do
  [ -e .venv/bin/$program ] && continue
  case "$PWD" in
    *" "*) printf '%s\n' '#!/bin/sh' "'''exec' \"$PWD/.venv/bin/python\" \"\$0\" \"\$@\"" ;;
    *) printf '%s\n' "#!$PWD/.venv/bin/python" ;;
  esac > .venv/bin/$program
done
"""


@pytest.fixture(params=["clone", "clone in python3/with spaces"])
def clone(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder with the files that the rule of the environment reads, and an environment created there."""
    folder = tmp_path / str(request.param)
    folder.mkdir(parents=True)
    for name in ("Makefile", "requirements.lock", "setup.cfg", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python3").write_text(PYTHON)
    (tmp_path / "bin/python3").chmod(0o755)
    assert MADE_AGAIN not in make(folder, tmp_path)
    assert made(folder) == 1
    return folder


def make(folder: Path, root: Path) -> str:
    environment = {**os.environ, "PATH": f"{root / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run(["make", ".venv/installed"], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def made(folder: Path) -> int:
    """How many times an environment was created."""
    return len((folder / "log").read_text().splitlines())


def test_an_environment_is_created_once(clone: Path, tmp_path: Path) -> None:
    (clone / ".venv/installed").write_text("")  # as earlier Makefiles left it, too
    assert MADE_AGAIN not in make(clone, tmp_path)
    assert made(clone) == 1


@pytest.mark.parametrize("copied", [True, False], ids=["copied", "moved"])
def test_a_moved_or_copied_clone_recreates_its_environment_once_and_reports_it(clone: Path, tmp_path: Path, copied: bool) -> None:
    other = tmp_path / "other"
    shutil.copytree(clone, other, symlinks=True)
    if not copied:
        shutil.rmtree(clone)
    (other / ".venv/leftover").touch()
    assert make(other, tmp_path).count(MADE_AGAIN) == 1
    assert f"{other}/.venv/bin/python" in (other / ".venv/bin/dvc").read_text()
    assert not (other / ".venv/leftover").exists()
    assert MADE_AGAIN not in make(other, tmp_path)
    assert made(other) == 2


def test_a_moved_environment_that_was_never_finished_is_recreated(clone: Path, tmp_path: Path) -> None:
    for name in ("installed", "bin/dvc"):
        (clone / ".venv" / name).unlink()
    other = clone.rename(tmp_path / "other")
    assert MADE_AGAIN in make(other, tmp_path)
    assert f"{other}/.venv/bin/python" in (other / ".venv/bin/pip").read_text()


def test_an_environment_whose_python_is_gone_is_recreated(clone: Path, tmp_path: Path) -> None:
    (clone / ".venv/bin/python").unlink()
    (clone / ".venv/bin/python").symlink_to("/nowhere/python3.11")
    assert MADE_AGAIN in make(clone, tmp_path)


def test_a_linked_environment_is_not_recreated(clone: Path, tmp_path: Path) -> None:
    (clone / ".venv").rename(tmp_path / "elsewhere")
    (clone / ".venv").symlink_to(tmp_path / "elsewhere")
    for name in ("pip", "dvc"):
        program = tmp_path / "elsewhere/bin" / name
        program.write_text(program.read_text().replace(f"{clone}/.venv", f"{tmp_path}/elsewhere"))
    assert MADE_AGAIN not in make(clone, tmp_path)
    assert made(clone) == 1


def test_help_lists_every_command() -> None:
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = {line.split()[1] for line in done.stdout.splitlines()}
    assert {"help", "demo", "test", "test-fast", "lint", "docs", "figures", "estimate", "preset-%", "lock", "bench-train"} <= listed
    assert "make preset-%           Replace params.yaml by presets/<name>.yaml" in done.stdout
