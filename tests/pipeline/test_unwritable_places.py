"""A read-only, full or forbidden location is reported in one sentence, by every stage and command."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.helpers.project import Project

STAGES = ["demo", "frames demo", "crops demo", "landmarks demo", "quality demo", "train", "evaluate demo", "robustness"]
CHECKPOINT = "data/checkpoints/model.safetensors"
COMMANDS = {
    "explain": f"laanet explain face.png --checkpoint {CHECKPOINT} --out {{place}}/sheet.png",
    "export": f"laanet export {CHECKPOINT} {{place}}/laanet.onnx",
    "calibrate": f"laanet calibrate {CHECKPOINT} reports/demo {{place}}/calibrated.safetensors",
    "compare": "laanet compare reports/demo/scores.csv other.csv --out {place}/comparison",
    "clean": "LAANET_WORK={place}/work laanet clean",
}


def in_a_small_place(project: Project, command: str, options: str) -> str:
    """Output of a command that must fail; `{place}` in it is replaced by a small file system mounted with these options."""
    place = project.root / "place"
    place.mkdir()
    mount = ["unshare", "--user", "--map-root-user", "--mount"]
    probe = [*mount, "mount", "-t", "tmpfs", "none", str(place)]
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("this system lets no user mount a small file system")
    script = f"mount -t tmpfs -o {options} none {place} && {command.format(place=place)}"
    return project.run(*mount, "sh", "-c", script, succeeds=False)


def assert_one_sentence(output: str, sentence: str) -> None:
    errors = [line for line in output.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, output
    assert re.search(sentence, errors[0]), output
    assert "Traceback" not in output


@pytest.mark.parametrize("stage", STAGES)
def test_a_work_folder_that_is_read_only_is_one_sentence_for_every_stage(project: Project, stage: str) -> None:
    output = in_a_small_place(project, f"LAANET_WORK={{place}} python -m stages.{stage}", "ro,size=1m")
    assert_one_sentence(output, r"place\S*: cannot be used \(Read-only file system\); make it writable or choose another location")


@pytest.mark.parametrize("command", COMMANDS)
def test_an_output_that_is_read_only_is_one_sentence_for_every_command(project: Project, command: str) -> None:
    prepare(project)
    output = in_a_small_place(project, COMMANDS[command], "ro,size=1m")
    assert_one_sentence(output, r"place\S*: cannot be used \(Read-only file system\)")


@pytest.mark.parametrize("command", ["explain", "export", "calibrate"])
def test_an_output_without_space_is_one_sentence(project: Project, command: str) -> None:
    prepare(project)
    output = in_a_small_place(project, COMMANDS[command], "size=8k")
    assert_one_sentence(output, r"no space is left for \S*place\S*; free some")


@pytest.mark.parametrize("stage", ["landmarks demo", "train", "evaluate demo"])
def test_a_project_without_space_is_one_sentence_and_leaves_no_partial_files(project: Project, stage: str) -> None:
    """Stages write first to the staging folder, which is on the small file system here."""
    (project.root / ".staged").mkdir(exist_ok=True)
    before = project.outputs()
    script = f"mount --bind {{place}} {project.root}/.staged && python -m stages.{stage}"
    output = in_a_small_place(project, script, "size=8k")
    assert_one_sentence(output, r"no space is left for \S+; free some")
    assert not list((project.root / ".staged").iterdir())
    assert project.outputs() == before


def prepare(project: Project) -> None:
    """The inputs of the commands."""
    scores = (project.root / "reports/demo/scores.csv").read_text()
    (project.root / "other.csv").write_text(scores)
    crops = sorted(Path(project.root / "data/evaluation/demo").glob("??.png"))
    (project.root / "face.png").write_bytes(crops[0].read_bytes())
