"""Sharing data and checkpoints through DVC: a remote, a clone that only trains, one cache for several clones, and the files in git."""

from __future__ import annotations

import csv
import hashlib
import shutil
from pathlib import Path

import pytest

from laanet_core.datasets.index import read_index
from laanet_core.model import load_model
from tests.helpers.project import Project, stages_run

TRAINING = ["code", "evaluate@gated", "index@gated", "report", "robustness", "train"]


@pytest.fixture(scope="module")
def lab(built: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project run on a data set outside its folder and pushed; the data set is then moved away, as if on another machine."""
    folder = tmp_path_factory.mktemp("lab")
    project, videos = built.copy(folder / "project"), folder / "videos"
    shutil.copytree(project.root / "data/raw/demo", videos)
    (videos / "demo.csv").unlink()
    write_listing(project.root / "data/index/demo.csv", videos / "index.csv")
    for step in ("frames", "crops", "landmarks", "quality"):
        (project.root / ".work" / step / "demo").rename(project.root / ".work" / step / "gated")
    for name in ("index", "frames", "crops", "landmarks", "quality", "evaluation", "tracked"):
        shutil.rmtree(project.root / "data" / name)
    shutil.rmtree(project.root / "reports/demo")
    project.set({"datasets": {"gated": {"root": str(videos)}}, "train.dataset": "gated", "robustness.dataset": "gated", "train.epochs": 1})
    project.dvc("repro")
    project.dvc("remote", "add", "--default", "lab", str(folder / "remote"))
    project.commit()
    project.dvc("push")
    videos.rename(folder / "elsewhere")
    return project


def write_listing(index: Path, listing: Path) -> None:
    """List the same videos as a user's own data set in a CSV."""
    rows = read_index(index)
    paths = {row.video_id: row.path for row in rows}
    with listing.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "method", "split", "source", "person"])
        writer.writerows([row.path, row.label, row.method, row.split, paths.get(row.source_id, ""), row.person] for row in rows)


def clone(project: Project, root: Path) -> Project:
    """A fresh clone: only the files in git, without DVC's cache."""
    project.run("git", "clone", "--quiet", str(project.root), str(root))
    return Project(root)


def files(folder: Path) -> dict[str, Path]:
    """Every file under a folder, by its relative path."""
    return {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}


def object_names(*folders: Path) -> set[str]:
    """Names of the objects of all files in these folders in a DVC cache or remote."""
    digests = (hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() for folder in folders for path in files(folder).values())
    return {f"{digest[:2]}/{digest[2:]}" for digest in digests}


def test_everything_but_the_frames_is_pushed(lab: Project) -> None:
    remote = set(files(lab.root.parent / "remote/files/md5"))
    frames = object_names(lab.root / "data/frames/gated")
    others = object_names(*(folder for folder in (lab.root / "data").iterdir() if folder.is_dir() and folder.name != "frames"))
    assert len(frames) > 40
    assert not frames & remote
    assert others <= remote


def test_a_clone_that_pulls_has_the_same_bytes_and_nothing_to_do(lab: Project, tmp_path: Path) -> None:
    other = clone(lab, tmp_path / "clone")
    other.dvc("pull", "--allow-missing")
    for top in ("data", "reports"):
        here, there = files(other.root / top), files(lab.root / top)
        assert here.keys() == {name for name in there if not name.startswith("frames/")}
        assert all(path.read_bytes() == there[name].read_bytes() for name, path in here.items())
    output = other.dvc("repro", "--allow-missing")
    assert sorted(stages_run(output)) == ["code", "index@gated"]
    assert "index of gated: kept from dvc.lock" in output
    assert not other.run("git", "status", "--porcelain")


def test_a_bare_clone_trains_and_scores_with_one_command_and_rebuilds_nothing(lab: Project, tmp_path: Path) -> None:
    other = clone(lab, tmp_path / "clone")
    output = other.dvc("exp", "run", "--pull", "--allow-missing", "-S", "lambda2=10")
    assert sorted(stages_run(output)) == TRAINING
    assert other.metrics("training/metrics.json") != lab.metrics("training/metrics.json")
    assert other.metrics("gated/metrics.json")["n_scored"] == lab.metrics("gated/metrics.json")["n_scored"] > 0
    fetched = set(files(other.root / "data"))
    assert not [name for name in fetched if name.startswith(("frames/", "raw/demo/", "assets/dlib", "assets/retinaface"))]
    assert {name for name in fetched if name.startswith("crops/")} == {
        f"crops/gated/{name}" for name in files(lab.root / "data/crops/gated")
    }


def test_a_root_that_is_not_the_locked_one_is_an_error_where_the_videos_are_not(lab: Project, tmp_path: Path) -> None:
    other = clone(lab, tmp_path / "clone")
    other.dvc("pull", "--allow-missing", "index@gated")
    index = (other.root / "data/index/gated.csv").read_bytes()
    other.set({"datasets.gated.root": "/data/mistyped"})
    output = other.dvc("repro", "--pull", "--allow-missing", succeeds=False)
    assert "error: datasets.gated.root: '/data/mistyped' is not a folder" in output
    assert (other.root / "data/index/gated.csv").read_bytes() == index


def test_a_locked_index_that_was_not_pulled_is_reported_by_dvc(lab: Project, tmp_path: Path) -> None:
    other = clone(lab, tmp_path / "clone")
    other.dvc("pull", "data/raw/demo.json")
    output = other.dvc("repro", "--single-item", "index@gated", succeeds=False)
    assert "output 'data/index/gated.csv' does not exist" in output
    assert "Traceback" not in output


def test_a_single_checkpoint_can_be_downloaded_from_a_repository_and_loads(lab: Project, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    lab.run("git", "clone", "--quiet", "--bare", str(lab.root), str(bare))
    empty = tmp_path / "empty"
    empty.mkdir()
    lab.run("dvc", "get", str(bare), "data/checkpoints/model.safetensors", "--out", str(empty / "model.safetensors"))
    assert [path.name for path in empty.iterdir()] == ["model.safetensors"]
    assert (empty / "model.safetensors").read_bytes() == (lab.root / "data/checkpoints/model.safetensors").read_bytes()
    assert not load_model(empty / "model.safetensors").training


def test_two_clones_share_one_cache_and_one_copy_of_each_file(lab: Project, tmp_path: Path) -> None:
    first, second = (clone(lab, tmp_path / name / "clone") for name in ("first", "second"))
    for project in (first, second):
        project.dvc("cache", "dir", "--local", str(tmp_path / "cache"))
        project.dvc("config", "--local", "cache.shared", "group")
        project.dvc("config", "--local", "cache.type", "hardlink")
    first.dvc("pull", "--allow-missing")
    cached = set(files(tmp_path / "cache"))
    second.dvc("remote", "modify", "--local", "lab", "url", str(tmp_path / "no-remote"))
    second.dvc("checkout", "--allow-missing")
    here, there = files(first.root / "data"), files(second.root / "data")
    assert here.keys() == there.keys()
    assert all(path.samefile(there[name]) for name, path in here.items() if name != "README.md")
    assert sorted(stages_run(second.dvc("repro", "--allow-missing"))) == ["code", "index@gated"]
    assert set(files(tmp_path / "cache")) == cached
    assert (tmp_path / "cache/files").stat().st_mode & 0o020, "the group may write"


def test_git_contains_only_measures_and_names_of_scored_videos_of_a_data_set(lab: Project) -> None:
    tracked = lab.run("git", "ls-files").splitlines()
    assert not lab.run("git", "status", "--porcelain", "--untracked-files=all")
    assert [name for name in tracked if name.startswith("data/")] == ["data/README.md"]
    reports = {
        "reports/experiments.csv",
        "reports/robustness.csv",
        "reports/robustness.json",
        *(f"reports/tables/table{number}.csv" for number in range(1, 6)),
    }
    measured = ("mask_ssim_bins.csv", "measures.csv", "metrics.json", "roc.csv", "scores.csv", "scoring.json")
    reports |= {f"reports/gated/{name}" for name in measured}
    assert {name for name in tracked if name.startswith("reports/") and not name.startswith("reports/training/")} == reports
    ids = [row.video_id for row in read_index(lab.root / "data/index/gated.csv")]
    written = [name for name in tracked if not name.startswith("tests/")]
    naming = [name for name in written if any(video.encode() in (lab.root / name).read_bytes() for video in ids)]
    assert naming == ["reports/gated/scores.csv"]
    assert [name for name in tracked if name.endswith(".gitignore")] == [".dvc/.gitignore", ".gitignore"]


@pytest.mark.parametrize("name", ["mine/real/a.mp4", "mine/b.AVI", "c.webm", "mine/crops.tar", "mine/landmarks.h5", "videos.zip"])
def test_media_left_in_the_project_are_not_added_to_git(lab: Project, name: str) -> None:
    lab.run("git", "check-ignore", "--quiet", name)
