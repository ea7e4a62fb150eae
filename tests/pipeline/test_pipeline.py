"""The real DVC pipeline on a reduced demo: it runs, repeats no work, and reports errors clearly."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import h5py
import pytest
import yaml

from laanet_core.media.storage.shards import Shard, crop_members, read_rgb
from laanet_core.params.crops import CropsParams
from laanet_core.store.digests import file_digest
from tests.helpers.paths import ROOT
from tests.helpers.project import Project, stages_run, table


def test_every_documented_output_exists_with_its_documented_format(built: Project) -> None:
    index = table(built.root / "data/index/demo.csv")
    ids = [row["video_id"] for row in index]
    for name in ("frames/demo/videos", "crops/demo/videos", "landmarks/demo"):
        assert [row["video_id"] for row in table(built.root / f"data/{name}.csv")] == ids
    with h5py.File(built.root / "data/landmarks/demo.h5") as landmarks:
        for row in table(built.root / "data/landmarks/demo.csv"):
            if row["status"] == "ok":
                points, frames = landmarks[row["video_id"]]["points"], landmarks[row["video_id"]]["frames"]
                assert (points.shape, points.dtype, frames.dtype) == ((len(frames), 68, 2), "float32", "int32")
    fakes = [row["video_id"] for row in index if row["label"] == "1"]
    assert [row["video_id"] for row in table(built.root / "data/quality/demo.csv")] == fakes
    scores = table(built.root / "reports/demo/scores.csv")
    assert list(scores[0])[:9] == ["video_id", "method", "label", "split", "n_frames", "score", "status", "mask_ssim", "bin"]
    assert [row["video_id"] for row in scores] == [row["video_id"] for row in index if row["split"] == "test"]
    assert all((row["score"] != "") == (row["status"] == "ok") for row in scores)
    bins = table(built.root / "reports/demo/mask_ssim_bins.csv")
    assert list(bins[0]) == ["bin", "low", "high", "n_real", "n_fake", "auc", "ap", "auc_low", "auc_high", "ap_low", "ap_high", "coverage"]
    robustness = table(built.root / "reports/robustness.csv")
    assert [(row["corruption"], row["severity"]) for row in robustness] == [("none", "0"), ("saturation", "3"), ("noise", "3")]
    tables = {path.name: table(path) for path in (built.root / "reports/tables").glob("*.csv")}
    assert sorted(tables) == [f"table{number}.csv" for number in range(1, 6)]
    assert {row["status"] for row in tables["table5.csv"]} == {"not run"}
    scoring = built.metrics("demo/scoring.json")
    assert (scoring["average"], scoring["calibration"]["method"]) == ("probability", "temperature")
    assert scoring["checkpoint_sha256"] == file_digest(built.root / "data/checkpoints/model.safetensors")
    assert "<html" in (built.root / "reports/index.html").read_text()


def test_a_fake_and_its_source_have_the_same_frames_and_a_real_mask_ssim(built: Project) -> None:
    quality = [row for row in table(built.root / "data/quality/demo.csv") if row["status"] == "ok"]
    assert quality
    with h5py.File(built.root / "data/landmarks/demo.h5") as landmarks:
        for row in quality:
            assert 0.5 < float(row["mask_ssim"]) < 0.999
            assert set(landmarks[row["video_id"]]["frames"]) & set(landmarks[row["source_id"]]["frames"])


def test_clips_without_a_face_or_with_a_face_in_some_frames_are_rows_with_a_status(built: Project) -> None:
    videos = {row["video_id"]: row for row in table(built.root / "data/crops/demo/videos.csv")}
    without = [row for row in videos.values() if row["status"] == "no_face"]
    assert without
    assert all(row["reason"] for row in without)
    half = [row for row in videos.values() if row["status"] == "ok" and 0 < int(row["n_faces"]) < int(row["n_frames"])]
    assert half
    unscored = [row for row in table(built.root / "reports/demo/scores.csv") if row["status"] == "no_face"]
    assert [row["score"] for row in unscored] == [""] * len(unscored)


def test_persons_are_never_shared_between_splits(built: Project) -> None:
    of_person: dict[str, set[str]] = {}
    for row in table(built.root / "data/raw/demo/demo.csv"):
        of_person.setdefault(row["person"], set()).add(row["split"])
    of_person.pop("", None)
    assert len(of_person) > 5
    assert all(len(splits) == 1 for splits in of_person.values()), of_person


def test_a_second_repro_runs_the_two_cheap_scans_alone(project: Project) -> None:
    before = project.outputs()
    assert sorted(stages_run(project.dvc("repro"))) == ["code", "index@demo"]
    assert project.outputs() == before


def test_an_experiment_with_another_lambda2_runs_training_and_what_follows(project: Project) -> None:
    first = project.metrics("training/metrics.json")
    output = project.dvc("exp", "run", "--name", "ten", "-S", "lambda2=10")
    assert sorted(stages_run(output)) == ["code", "evaluate@demo", "index@demo", "report", "robustness", "train"]
    assert project.metrics("training/metrics.json") != first
    shown = project.dvc("exp", "show", "--csv")
    assert "ten" in shown
    assert "auc" in shown
    compared = project.run("laanet", "compare", "HEAD", "ten", "--dataset", "demo")
    assert "Compared: 0 videos" not in compared
    assert all(word in compared for word in ("HEAD", "ten", "AUC", "ECE"))


def test_metrics_plots_and_the_graph_show_in_a_clean_clone(built: Project, tmp_path: Path) -> None:
    built.run("git", "clone", "--quiet", str(built.root), str(tmp_path / "clone"))
    clone = Project(tmp_path / "clone")
    assert "auc" in clone.dvc("metrics", "show")
    assert "quality@demo" in clone.dvc("dag")
    clone.dvc("plots", "show")
    page = (clone.root / "dvc_plots/index.html").read_text()
    for plot in ("training_log_csv", "demo_roc_csv", "demo_mask_ssim_bins_csv"):
        assert f"#reports_{plot}" in page


def test_training_again_from_scratch_gives_the_same_bytes_and_metrics(project: Project) -> None:
    before, metrics = project.outputs(), project.metrics("demo/metrics.json")
    assert not project.items("train")
    output = project.dvc("repro", "--force", "--single-item", "--no-run-cache", "train")
    assert stages_run(output) == ["train"]
    assert project.outputs() == before
    project.dvc("repro", "--force", "--single-item", "--no-run-cache", "evaluate@demo")
    assert project.outputs() == before
    assert project.metrics("demo/metrics.json") == metrics


@pytest.mark.parametrize(
    ("change", "stage", "words"),
    [
        ({"datasets.gone": {"root": "data/raw/gone"}}, "index@gone", ["data/raw/gone", "datasets.gone.root"]),
        ({"crops.sise": 1}, "index@demo", ["crops.sise", "unknown parameter"]),
        ({"model.backbone": "resnet_of_dreams"}, "train", ["resnet_of_dreams"]),
    ],
    ids=["missing folder", "unknown parameter", "unknown backbone"],
)
def test_errors_that_the_user_can_fix_are_one_sentence(project: Project, change: dict[str, object], stage: str, words: list[str]) -> None:
    project.set(change)
    output = project.dvc("repro", stage, succeeds=False)
    sentences = [line for line in output.splitlines() if line.startswith("error: ")]
    assert len(sentences) == 1, output
    assert all(word in sentences[0] for word in words), sentences
    assert "Traceback" not in output


def test_training_on_a_set_with_no_train_videos_is_one_sentence(project: Project) -> None:
    (project.root / "mine/real").mkdir(parents=True)
    shutil.copyfile(next((project.root / "data/raw/demo/test/real").glob("*.mp4")), project.root / "mine/real/a.mp4")
    project.set({"datasets.mine": {"root": "mine"}, "train.dataset": "mine"})
    output = project.dvc("repro", "train", succeeds=False)
    sentences = [line for line in output.splitlines() if line.startswith("error: ")]
    assert len(sentences) == 1, output
    assert "mine" in sentences[0]
    assert "train" in sentences[0]


def test_crops_of_another_size_are_not_taken_from_the_run_cache(project: Project) -> None:
    project.set({"crops.size": 96})
    assert "crops@demo" in stages_run(project.dvc("repro", "crops@demo"))
    shapes = set()
    for path in (project.root / "data/crops/demo").rglob("*.tar"):
        with Shard(path) as shard:
            shapes |= {read_rgb(shard, name).shape for name, _, _ in crop_members(shard)}
    assert shapes == {(96, 96, 3)}


def test_no_parameter_is_ignored_by_the_run_cache() -> None:
    params, pipeline = (yaml.safe_load((ROOT / name).read_text()) for name in ("params.yaml", "dvc.yaml"))
    stages = [stage.get("do", stage) for stage in pipeline["stages"].values()]
    tracked = {name for stage in stages for name in stage.get("params", []) if "$" not in name}
    sections = [params[name] for name in tracked if isinstance(params.get(name), dict)]
    assert sections
    assert not [section for section in sections if {"size", "nfiles"} & section.keys()], "DVC leaves these keys out of its hash"
    for stage in ("crops", "report"):
        listed = set(pipeline["stages"][stage].get("do", pipeline["stages"][stage])["params"])
        missing = {f"crops.{name}" for name in CropsParams.model_fields} - listed
        assert not missing, f"dvc.yaml: stage {stage} lacks {missing}"


def test_a_grid_of_table_3_is_queued_and_run(project: Project) -> None:
    project.dvc("exp", "run", "--queue", "-S", "model.pyramid=none", "-S", "model.heads=[],[heatmap]", "-S", "train.epochs=1")
    project.dvc("exp", "run", "--run-all")
    shown = list(csv.DictReader(project.dvc("exp", "show", "--csv").splitlines()))
    runs = [row for row in shown if row["typ"].startswith("branch")]
    assert {(row["model.pyramid"], row["model.heads"]) for row in runs} == {("none", "[]"), ("none", "['heatmap']")}
    assert all((row["State"], row["best_epoch"]) == ("Success", "1") and float(row["auc"]) >= 0 for row in runs), runs
    project.run("laanet", "collect")
    collected = {row["heads"]: row for row in table(project.root / "reports/experiments.csv") if row["pyramid"] == "none"}
    assert set(collected) == {"", "heatmap"}
    assert all(float(row["auc"]) >= 0 for row in collected.values())


def test_evaluating_another_network_needs_no_training(project: Project) -> None:
    shutil.copyfile(project.root / "data/checkpoints/last.safetensors", project.root / "given.safetensors")
    output = project.dvc("exp", "run", "-S", "evaluate.checkpoint=given.safetensors", "-S", "train.epochs=3", "evaluate@demo")
    assert sorted(stages_run(output)) == ["code", "evaluate@demo", "index@demo"]
    project.dvc("repro", "--single-item", "robustness")
    project.dvc("repro", "--single-item", "report")
    page = (project.root / "reports/index.html").read_text()
    assert "The network in given.safetensors, which was not trained here" in page
    assert "Validation AUC by epoch" not in page


def test_the_train_stage_starts_several_processes(project: Project) -> None:
    project.environment |= {"LAANET_PROCESSES": "2", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    project.set({"train.epochs": 1, "lambda2": 2})
    output = project.dvc("repro", "train")
    assert output.count("train: 0/") == 1, "one of them speaks"
    assert project.metrics("training/metrics.json")["best_epoch"] == 1
    assert not list((project.root / ".work/train").glob("??/*")), "the finished state is gone"
