"""`laanet verify` finds damage, and `laanet clean` frees space, without loss of results."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from typer.testing import CliRunner

from laanet_core.cli import app
from laanet_core.errors import LaanetError
from laanet_core.store.items import run_items
from laanet_core.store.prune import clean_work
from laanet_core.store.sizes import in_bytes, in_words
from laanet_core.store.work_dir import WorkDir, item_key
from tests.helpers.damage import spoil
from tests.helpers.project import Project, stages_run
from tests.unit.store.test_items import run, write_twice


def test_an_undamaged_project_has_no_damaged_files(built: Project) -> None:
    output = built.run("laanet", "verify")
    found = re.search(r"(\d+) files \([\d.]+ [MG]B\) read, 0 damaged$", output.strip())
    assert found, output
    assert int(found[1]) > 100


def test_a_flipped_bit_is_found_under_every_path_of_the_file_and_repro_creates_it_again(project: Project) -> None:
    before = project.outputs()
    shard = sorted((project.root / "data/frames/demo").rglob("*.tar"))[0]
    names = sorted(
        str(path.relative_to(project.root))
        for path in project.root.rglob("*")
        if not path.is_symlink() and path.is_file() and path.samefile(shard)
    )
    assert len(names) == 3, "output, cache and work folder share one file"
    spoil(shard)
    output = project.run("laanet", "verify", succeeds=False)
    assert re.findall(r"^damaged: (.*)$", output, re.MULTILINE) == names
    assert "laanet verify --remove" in output
    project.run("laanet", "verify", "--remove")
    assert not shard.exists()
    assert "frames@demo" in stages_run(project.dvc("repro", "frames@demo"))
    assert project.outputs() == before
    assert "0 damaged" in project.run("laanet", "verify")


def test_an_output_that_differs_from_dvc_lock_is_not_damaged_and_stays(project: Project) -> None:
    checkpoint, metrics = project.root / "data/checkpoints/model.safetensors", project.root / "reports/demo/metrics.json"
    objects = len(list((project.root / ".dvc/cache").rglob("*")))
    project.set({"lambda2": 3})
    project.dvc("repro")
    project.run("git", "checkout", "--quiet", "HEAD", "dvc.lock")
    before = checkpoint.read_bytes()
    metrics.write_text("{}")
    output = project.run("laanet", "verify", "--remove", succeeds=False)
    assert "differs from dvc.lock: data/checkpoints/model.safetensors\n" in output
    assert "differs from dvc.lock: reports/demo/metrics.json\n" in output
    assert ", 0 damaged" in output
    assert checkpoint.read_bytes() == before
    assert len(list((project.root / ".dvc/cache").rglob("*"))) >= objects


@pytest.mark.parametrize("name", ["data/landmarks/demo.h5", "data/checkpoints/model.safetensors"])
def test_damage_in_any_kind_of_output_is_named(project: Project, name: str) -> None:
    spoil(project.root / name)
    assert f"damaged: {name}\n" in project.run("laanet", "verify", succeeds=False)


def test_damage_in_the_work_folder_alone_is_named(project: Project) -> None:
    shutil.rmtree(project.root / "data/landmarks")
    shutil.rmtree(project.root / ".dvc/cache")
    item = sorted((project.root / ".work/landmarks/demo").glob("??/*"))[0]
    spoil(item)
    output = project.run("laanet", "verify", succeeds=False)
    assert f"damaged: {item.relative_to(project.root)}\n" in output


def test_verify_outside_a_project_is_one_sentence(project: Project, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "run in the project's folder" in Project(tmp_path / "empty").run("laanet", "verify", succeeds=False)
    (project.root / "dvc.lock").write_text("stages: 3\n")
    assert "dvc.lock: not a valid DVC lock file" in project.run("laanet", "verify", succeeds=False)


def test_clean_keeps_everything_that_the_last_run_used(project: Project) -> None:
    before, items = project.outputs(), project.items("frames/demo")
    assert re.match(r"0 items removed \(0 bytes freed\), \d+ kept", project.run("laanet", "clean"))
    project.dvc("repro", "--force", "--single-item", "--no-run-cache", "frames@demo")
    assert project.items("frames/demo") == items
    assert project.outputs() == before


def test_removing_all_items_leaves_outputs_intact(project: Project) -> None:
    before = project.outputs()
    assert ", 0 kept (0 bytes)" in project.run("laanet", "clean", "--most", "0")
    assert not project.items("frames/demo")
    assert (project.root / ".work/assets").is_dir()
    assert sorted(stages_run(project.dvc("repro"))) == ["code", "index@demo"]
    project.dvc("repro", "--force", "--single-item", "--no-run-cache", "landmarks@demo")
    assert project.outputs() == before


def test_clean_removes_unused_items_and_then_the_oldest(tmp_path: Path) -> None:
    work = WorkDir("frames/mine", tmp_path / "work")
    run(work, ["dropped"], tmp_path / "log")
    used = WorkDir("frames/mine", tmp_path / "work")
    paths = run(used, ["three", "five!", "seven!!"], tmp_path / "log")
    for age, name in enumerate(["five!", "seven!!", "three"]):
        os.utime(paths[name], ns=(age, age))
    report = clean_work(tmp_path / "work")
    assert (report.removed, report.freed, report.kept, report.held) == (1, 7, 3, 17)
    report = clean_work(tmp_path / "work", most=12)
    assert (report.removed, report.held, sorted(path.name for path in paths.values() if path.exists())) == (
        1,
        12,
        sorted([paths["seven!!"].name, paths["three"].name]),
    )


def test_clean_reports_the_size_of_the_entire_work_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "work"
    item = run(WorkDir("frames/mine", root), ["three"], tmp_path / "log")["three"]
    (tmp_path / "output").hardlink_to(item)
    (root / "assets").mkdir()
    (root / "assets/weights").write_bytes(bytes(5_000_000))
    (root / "assets/same").hardlink_to(root / "assets/weights")
    (root / "train/ab/new").mkdir(parents=True)
    (root / "train/ab/new/state-1.pt").write_bytes(bytes(200_000))
    monkeypatch.setenv("LAANET_WORK", str(root))
    done = CliRunner().invoke(app, ["clean", "--most", "10MB"])
    assert done.exit_code == 0
    assert done.stdout.startswith("0 items removed (0 bytes freed), 1 kept (5 bytes); files that are never removed take another 5.2 MB (")
    assert re.search(r"downloaded weights 5\.0 MB, training states 2\d\d\.\d KB, records and folders \d+\.\d KB\)$", done.stdout.strip())
    report = clean_work(root)
    counted = subprocess.run(["du", "--summarize", "--bytes", str(root)], capture_output=True, text=True, check=True).stdout
    assert report.held + report.fetched + report.states + report.rest == int(counted.split()[0])


def test_clean_after_an_interrupted_run_keeps_its_finished_items(tmp_path: Path) -> None:
    before = run(WorkDir("frames/mine", tmp_path / "work"), ["one"], tmp_path / "log")
    work = WorkDir("frames/mine", tmp_path / "work")
    with pytest.raises(KeyboardInterrupt), work.lock():
        made = run(WorkDir("crops/mine", tmp_path / "work"), ["other"], tmp_path / "log")
        with ThreadPoolExecutor(1) as pool:
            made |= run_items(work, {"two": item_key(text="two")}, write_twice, {"two": ("two", tmp_path / "log")}, pool, "frames")
        raise KeyboardInterrupt
    assert clean_work(tmp_path / "work").removed == 0
    assert all(path.exists() for path in (before | made).values())


def test_clean_keeps_the_state_of_the_newest_unfinished_training(tmp_path: Path) -> None:
    for age, name in enumerate(["ab/old", "cd/new"]):
        state = tmp_path / "train" / name
        state.mkdir(parents=True)
        (state / "state-1.pt").write_bytes(bytes(5))
        os.utime(state, ns=(age, age))
    report = clean_work(tmp_path)
    assert (report.removed, report.freed) == (1, 5)
    assert [path.name for path in (tmp_path / "train").glob("*/*")] == ["new"]


def test_clean_skips_a_step_that_is_being_written(tmp_path: Path) -> None:
    work = WorkDir("frames/mine", tmp_path)
    run(work, ["one"], tmp_path / "log")
    run(WorkDir("frames/mine", tmp_path), ["two"], tmp_path / "log")
    with WorkDir("frames/mine", tmp_path).lock():
        report = clean_work(tmp_path, most=0)
    assert report.busy == ["frames/mine"]
    assert len(list(work.folder.glob("??/*"))) == 2


@pytest.mark.parametrize(
    ("text", "n_bytes"), [("50GB", 50 * 10**9), ("1.5 tb", 15 * 10**11), ("0", 0), ("7kb", 7000), ("3M", 3 * 10**6), ("2GiB", 2**31)]
)
def test_sizes_are_parsed(text: str, n_bytes: int) -> None:
    assert in_bytes(text) == n_bytes


@pytest.mark.parametrize("text", ["", "much", "-1GB", "1e9", "5XB", "nan"])
def test_an_invalid_size_is_one_sentence(text: str) -> None:
    with pytest.raises(LaanetError, match="is not a size in bytes"):
        in_bytes(text)


def test_sizes_are_formatted() -> None:
    assert [in_words(n) for n in (0, 999, 1000, 25 * 10**5, 10**12)] == ["0 bytes", "999 bytes", "1.0 KB", "2.5 MB", "1.0 TB"]
