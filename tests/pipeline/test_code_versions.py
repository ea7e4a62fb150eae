"""Edited code runs exactly the stages that use it, and no stage runs with code other than the recorded version."""

from __future__ import annotations

import json

import pytest

from tests.helpers.project import Project, stages_run

ALWAYS = {"code", "index@demo"}
EDITED = "laanet_core/media/decoding/base.py"


def edit(project: Project, old: str, new: str) -> None:
    """Replace a text in a module that the frames stage uses."""
    file = project.root / EDITED
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_edits_that_change_no_result_run_nothing_again(project: Project) -> None:
    before = project.items("frames/demo")
    edit(project, "def select_frames", "# a comment\n\n\ndef select_frames")
    assert set(stages_run(project.dvc("repro"))) == ALWAYS
    edit(project, "def select_frames", "UNUSED = 1\n\n\ndef select_frames")
    assert set(stages_run(project.dvc("repro"))) == ALWAYS
    assert project.items("frames/demo") == before


def test_an_edited_function_repeats_only_the_work_of_the_stage_that_uses_it(project: Project) -> None:
    frames, crops = project.items("frames/demo"), project.items("crops/demo")
    lines = (project.root / EDITED).read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("def select_frames"))
    body = next(number for number in range(start, len(lines)) if lines[number].startswith("    return"))
    lines.insert(body, "    assert True")
    (project.root / EDITED).write_text("\n".join(lines) + "\n")
    ran = set(stages_run(project.dvc("repro")))
    assert ran - ALWAYS == {"frames@demo", "crops@demo", "quality@demo"}  # what reads the frames' account of their code runs, without work
    assert len(project.items("frames/demo")) == 2 * len(frames)
    assert project.items("crops/demo") == crops


@pytest.mark.parametrize("command", ["dvc repro --force --single-item frames@demo", "python -m stages.frames demo"])
def test_a_stage_does_not_run_with_code_other_than_the_recorded_version(project: Project, command: str) -> None:
    before = project.outputs()
    edit(project, "    return", "    assert True\n    return")
    output = project.run(*command.split(), succeeds=False)
    assert "error: data/code/frames.json: describes different code than the current one; run 'dvc repro code' first." in output
    assert project.outputs() == before


def test_the_recorded_code_lists_the_modules_that_a_stage_uses(project: Project) -> None:
    noted = {path.stem: json.loads(path.read_text()) for path in (project.root / "data/code").iterdir()}
    stages = {name.partition("@")[0] for name in project.lock()} - {"code", "index"}
    assert set(noted) == stages
    for stage, modules in noted.items():
        assert f"stages.{stage}" in modules
        assert not any(module.startswith(("laanet_core.params", "tests")) for module in modules)
    assert "laanet_core.media.decoding.base" in noted["frames"]
    assert "laanet_core.media.decoding.base" not in noted["train"]
