"""After kills, a full disk and changed videos only the lost work is repeated, with the same results."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from tests.helpers.project import Project, table

STEPS = ["frames", "crops", "landmarks", "quality"]


@pytest.mark.parametrize("step", STEPS)
def test_a_killed_stage_resumes_and_ends_with_the_same_bytes(project: Project, step: str) -> None:
    before, stage = project.outputs(), f"{step}@demo"
    items = project.items(f"{step}/demo")
    shutil.rmtree(project.root / ".work" / step)
    project.environment["LAANET_WORKERS"] = "1"
    command = ["dvc", "repro", "--force", "--single-item", "--no-run-cache", stage]
    project.kill_when(command, lambda: len(project.items(f"{step}/demo")) >= 2)
    kept = project.items(f"{step}/demo")
    assert 2 <= len(kept) < len(items)
    (project.root / ".dvc/tmp/rwlock").unlink(missing_ok=True)
    project.dvc(*command[1:])
    after = project.items(f"{step}/demo")
    assert after.keys() == items.keys()
    assert {key: after[key] for key in kept} == kept, "a finished video was computed again"
    assert project.outputs() == before


def test_killed_training_resumes_and_ends_with_the_same_bytes(project: Project) -> None:
    before = project.outputs()
    states = project.root / ".work/train"
    command = ["dvc", "repro", "--force", "--single-item", "--no-run-cache", "train"]
    project.kill_when(command, lambda: any(states.rglob("state-*.pt")))
    (project.root / ".dvc/tmp/rwlock").unlink(missing_ok=True)
    assert re.search(r"train: going on at step [1-9]", project.dvc(*command[1:]))
    assert project.outputs() == before


def test_adding_replacing_or_removing_a_video_recomputes_only_that_video(project: Project) -> None:
    seen = [row["video_id"] for row in table(project.root / "data/crops/demo/videos.csv") if row["status"] == "ok"]
    clips = [project.root / f"data/raw/demo/{name}.mp4" for name in seen[:4]]
    folder = project.root / "mine/real"
    folder.mkdir(parents=True)
    for clip in clips[:2]:
        shutil.copyfile(clip, folder / clip.name)
    project.set({"datasets.mine": {"root": "mine"}})

    def new_items() -> set[int]:
        """Return the numbers of items that the steps compute to update the landmarks."""
        before = {step: project.items(f"{step}/mine") for step in STEPS[:3]}
        project.dvc("repro", "landmarks@mine")
        after = {step: project.items(f"{step}/mine") for step in STEPS[:3]}
        assert all(after[step].get(key) == time for step, items in before.items() for key, time in items.items()), "made again"
        return {len(after[step]) - len(before[step]) for step in before}

    assert new_items() == {2}
    shutil.copyfile(clips[2], folder / "added.mp4")
    assert new_items() == {1}
    shutil.copyfile(clips[3], folder / "added.mp4")
    assert new_items() == {1}
    (folder / "added.mp4").unlink()
    assert new_items() == {0}
    assert len(table(project.root / "data/landmarks/mine.csv")) == 2


def test_a_full_disk_is_one_sentence_and_finished_work_is_kept(project: Project) -> None:
    before, items = project.outputs(), project.items("frames/demo")
    shutil.rmtree(project.root / ".work/frames")
    small = project.root / "small"
    small.mkdir()
    command = ["python", "-m", "stages.frames", "demo"]
    stage = f"LAANET_WORK={small} {' '.join(command)}"
    script = f"mount -t tmpfs -o size=3m none {small} && {stage}; code=$?; cp -r {small}/frames .work/; exit $code"
    probe = ["unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", str(small)]
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("this system lets no user mount a small file system")
    output = project.run("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, succeeds=False)
    assert re.search(r"^error: no space is left.*'laanet clean'.*finished work is kept\.$", output, re.MULTILINE), output
    assert "Traceback" not in output
    kept = project.items("frames/demo")
    assert 0 < len([key for key in kept if key in items]) < len(items)
    assert not list((project.root / ".work/frames").rglob("*.tmp"))
    project.dvc("repro", "--force", "--single-item", "--no-run-cache", "frames@demo")
    assert project.outputs() == before
