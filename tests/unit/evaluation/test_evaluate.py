"""Evaluation: video scores of a real network, reproducible on any number of cores, with a row for every video."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from laanet_core.datasets.index import IndexRow, write_index
from laanet_core.errors import LaanetError
from laanet_core.evaluation import evaluate
from laanet_core.evaluation.evaluate import EvaluationFiles, copy_reported, evaluate_dataset
from laanet_core.explanation.gallery import Crops, write_gallery
from laanet_core.media.storage.shards import encode_png, write_shard
from laanet_core.model import LAANet, build_model, load_model, save_model
from laanet_core.params import Params, load_params
from laanet_core.quality.bins import write_edges
from laanet_core.store.csv_io import read_table, write_table
from laanet_core.store.work_dir import WorkDir
from laanet_core.types import Image
from tests.helpers.drawn_face import face_image
from tests.helpers.paths import ROOT
from tests.helpers.shards import content_digest

pytestmark = pytest.mark.slow

SIZE = 64
OUTPUTS = ["scores.csv", "frame_scores.csv", "measures.csv", "mask_ssim_bins.csv", "roc.csv", "scoring.json", "metrics.json"]


@pytest.fixture(scope="module")
def params() -> Params:
    loaded = load_params(ROOT / "presets/demo.yaml").model_dump()
    loaded["crops"]["size"] = SIZE
    loaded["quality"]["bins"] = [0.0, 0.8, 0.9, 1.0]
    loaded["evaluate"] |= {"batch_size": 2, "bootstrap": 50, "gallery": 4, "calibration": "none"}
    return Params.model_validate(loaded)


@pytest.fixture(scope="module")
def checkpoint(params: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("checkpoint") / "model.safetensors"
    torch.manual_seed(3)
    save_model(build_model(params.model, None, SIZE), path)
    return path


def crops_of(seed: int) -> list[Image]:
    return [np.ascontiguousarray(face_image(SIZE, 10 * seed + frame).permute(1, 2, 0).numpy()) for frame in range(3)]


class DataSet:
    """Index, crops and Mask-SSIM of a few videos, as written by the earlier stages."""

    def __init__(self, root: Path, checkpoint: Path) -> None:
        self.root = root
        self.files = EvaluationFiles(root / "index.csv", root / "crops", root / "quality.csv", root / "bins.csv", checkpoint)
        self.rows: list[IndexRow] = []
        self.videos: list[dict[str, object]] = []
        self.quality: list[dict[str, object]] = []

    def add(self, name: str, label: int, seed: int, split: str = "test", mask_ssim: float | None = None, status: str = "ok") -> None:
        self.rows.append(IndexRow(name, f"{name}.mp4", label, "swap" if label else "real", "", split, "", name, 1, "0"))
        digest = ""
        if status == "ok":
            path = self.files.crops / f"{name}.tar"
            path.parent.mkdir(parents=True, exist_ok=True)
            members = [f"{name}/000000.png", f"{name}/000000.1.png", f"{name}/000007.png"]
            write_shard(path, [(member, encode_png(image)) for member, image in zip(members, crops_of(seed), strict=True)])
            digest = content_digest(path)
        reason = "" if status == "ok" else "no face in 3 frames"
        self.videos.append({"video_id": name, "status": status, "reason": reason, "digest": digest})
        if label:
            label_of_bin = "0.80-0.90" if mask_ssim else ""
            self.quality.append({"video_id": name, "mask_ssim": mask_ssim, "bin": label_of_bin})

    def evaluate(self, params: Params, run: str = "run") -> tuple[str, Path]:
        """Run the evaluation; returns its summary and the folder of its tables."""
        write_index(self.files.index, self.rows)
        write_table(self.files.crops / "videos.csv", ["video_id", "status", "reason", "digest"], self.videos)
        write_table(self.files.quality, ["video_id", "mask_ssim", "bin"], self.quality)
        write_edges(self.files.bins, params.quality.bins, [])
        out = self.root / run / "reports"
        work = WorkDir("evaluate", self.root / run / "work")
        evaluation, gallery = evaluate_dataset("mine", params, self.files, out, work), self.root / run / "gallery"
        crops = Crops(self.files.crops, evaluation.digests)
        write_gallery(evaluation.model, evaluation.videos, evaluation.frames, crops, params.evaluate.gallery, gallery)
        copy_reported(out, gallery)
        return evaluation.summary, out


@pytest.fixture
def data(tmp_path: Path, checkpoint: Path) -> DataSet:
    data = DataSet(tmp_path, checkpoint)
    for seed in range(3):
        data.add(f"real/{seed}", 0, seed)
        data.add(f"fake/{seed}", 1, 5 + seed, mask_ssim=(0.85, 0.88, None)[seed])
    data.add("real/blank", 0, 9, status="no_face")
    data.add("real/for_training", 0, 8, split="train")
    return data


def test_a_checkpoint_that_is_replaced_while_it_is_read_is_not_used(
    data: DataSet, params: Params, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data.files = replace(data.files, checkpoint=data.root / "model.safetensors")
    shutil.copyfile(checkpoint, data.files.checkpoint)

    def load_and_replace(path: Path) -> LAANet:
        model = load_model(path)
        save_model(build_model(params.model, None, SIZE), path)
        return model

    monkeypatch.setattr(evaluate, "load_model", load_and_replace)
    with pytest.raises(LaanetError, match=r"model\.safetensors: was changed by another command"):
        data.evaluate(params)
    assert not list((data.root / "run/work").rglob("*.csv"))


def test_video_score_is_the_probability_averaged_over_frames(data: DataSet, params: Params, checkpoint: Path) -> None:
    _, out = data.evaluate(params)
    model = load_model(checkpoint)
    with torch.no_grad():
        images = torch.from_numpy(np.stack(crops_of(6))).permute(0, 3, 1, 2)
        first, second, other = torch.sigmoid(model(model.normalise(images)).logit).tolist()
    row = next(row for row in read_table(out / "scores.csv", ["score"]) if row["video_id"] == "fake/1")
    assert float(row["score"]) == pytest.approx((max(first, second) + other) / 2, abs=1e-5)
    assert (row["n_frames"], row["method"], row["label"], row["mask_ssim"], row["bin"]) == ("2", "swap", "1", "0.88", "0.80-0.90")
    frames = [row for row in read_table(out / "frame_scores.csv", ["frame", "face"]) if row["video_id"] == "fake/1"]
    assert [(row["frame"], row["face"]) for row in frames] == [("0", "0"), ("0", "1"), ("7", "0")]
    assert [float(row["score"]) for row in frames] == pytest.approx([first, second, other], abs=1e-5)


def test_every_video_of_the_split_has_a_row_and_a_failed_one_no_score(data: DataSet, params: Params) -> None:
    summary, out = data.evaluate(params)
    columns = ["video_id", "method", "label", "split", "n_frames", "score", "status", "mask_ssim", "bin", "reason"]
    rows = {row["video_id"]: row for row in read_table(out / "scores.csv", columns)}
    assert list(rows) == ["fake/0", "fake/1", "fake/2", "real/0", "real/1", "real/2", "real/blank"]
    blank = rows["real/blank"]
    assert (blank["status"], blank["score"], blank["n_frames"], blank["reason"]) == ("no_face", "", "0", "no face in 3 frames")
    metrics = json.loads((out / "metrics.json").read_text())
    assert (metrics["n_real"], metrics["n_fake"], metrics["n_scored"]) == (4, 3, 6)
    assert metrics["coverage"] == pytest.approx(6 / 7)
    assert metrics["mean_mask_ssim"] == pytest.approx(0.865)
    assert 0 <= metrics["auc_low"] <= metrics["auc"] <= metrics["auc_high"] <= 1
    assert summary == "evaluate mine: 7 videos, 6 ok, 1 no_face"


def test_bins_compare_the_paired_fakes_with_all_reals(data: DataSet, params: Params) -> None:
    _, out = data.evaluate(params)
    bins = read_table(out / "mask_ssim_bins.csv", ["bin", "low", "high", "n_real", "n_fake", "auc", "ap", "auc_low", "auc_high"])
    assert [(row["bin"], row["n_real"], row["n_fake"]) for row in bins] == [
        ("0.00-0.80", "3", "0"), ("0.80-0.90", "3", "2"), ("0.90-1.00", "3", "0"),
    ]  # fmt: skip
    assert [row["auc"] != "" for row in bins] == [False, True, False]


def test_outputs_have_the_same_bytes_on_any_number_of_cores_and_after_an_interruption(
    data: DataSet, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = torch.get_num_threads()
    monkeypatch.setenv("LAANET_WORKERS", "3")
    _, first = data.evaluate(params, "first")
    monkeypatch.setenv("LAANET_WORKERS", "1")
    torch.set_num_threads(2)
    _, second = data.evaluate(params, "second")
    torch.set_num_threads(threads)
    items = sorted((data.root / "first/work").rglob("??/*"))
    items[0].unlink()
    kept = {path: path.stat().st_ino for path in items[1:]}
    before = snapshot(data.root / "first")
    data.evaluate(params, "first")
    assert len(items) == 6
    assert {path: path.stat().st_ino for path in items[1:]} == kept
    assert before == snapshot(data.root / "first") == snapshot(data.root / "second")
    assert {path.name for path in first.iterdir()} == {path.name for path in second.iterdir()} == set(OUTPUTS)


def snapshot(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for part in ("reports", "gallery") for path in (root / part).iterdir()}


@pytest.mark.parametrize(("label", "word"), [(0, "real videos"), (1, "fakes")])
def test_one_class_alone_gives_empty_measures_and_a_note(data: DataSet, params: Params, label: int, word: str) -> None:
    data.rows = [row for row in data.rows if row.label == label]
    summary, out = data.evaluate(params)
    metrics = json.loads((out / "metrics.json").read_text())
    assert [metrics[key] for key in ("auc", "auc_low", "auc_high", "ap", "eer")] == [None] * 5
    assert f"only {word} were scored, so AUC and AP are empty" in summary
    assert read_table(out / "roc.csv", ["fpr", "tpr", "threshold"]) == []


def test_metrics_have_the_same_keys_for_any_videos(data: DataSet, params: Params) -> None:
    _, full = data.evaluate(params, "full")
    data.rows = [row for row in data.rows if row.split == "train"]
    summary, empty = data.evaluate(params, "empty")
    first, second = (json.loads((out / "metrics.json").read_text()) for out in (full, empty))
    assert list(first) == list(second)
    assert (second["n_scored"], second["coverage"], second["auc"]) == (0, None, None)
    assert "no video in split 'test', nothing to score" in summary


def test_a_checkpoint_of_another_image_size_is_reported_in_one_sentence(data: DataSet, params: Params) -> None:
    other = params.model_copy(update={"crops": params.crops.model_copy(update={"size": 96})})
    with pytest.raises(LaanetError, match=r"crops\.size: 96, but .*model\.safetensors was trained at 64; set crops\.size"):
        data.evaluate(other)


@pytest.mark.parametrize("calibration", ["temperature", "platt"])
def test_a_missing_calibration_is_reported_in_one_sentence_and_nothing_is_scored(
    data: DataSet, params: Params, calibration: Literal["temperature", "platt"]
) -> None:
    changed = params.model_copy(update={"evaluate": params.evaluate.model_copy(update={"calibration": calibration})})
    with pytest.raises(LaanetError, match=f"evaluate.calibration is '{calibration}', but .* has no calibration; fit one with") as error:
        data.evaluate(changed)
    assert "\n" not in str(error.value)
    assert not list((data.root / "run").rglob("*.csv"))
    assert not list((data.root / "run/work").rglob("??/*"))


def test_gallery_files_match_its_json(data: DataSet, params: Params) -> None:
    _, out = data.evaluate(params)
    folder = out.parent / "gallery"
    gallery = json.loads((folder / "gallery.json").read_text())
    scores = {row["video_id"]: float(row["score"]) for row in read_table(out / "scores.csv", ["score"]) if row["score"]}
    assert [item["group"] for item in gallery["items"]] == ["fake_high", "fake_high", "fake_low", "real_high"]
    assert all((folder / item[key]).stat().st_size > 100 for item in gallery["items"] for key in ("crop", "heatmap", "gradcam"))
    assert all(item["video_score"] == scores[item["video_id"]] for item in gallery["items"])
    assert gallery["heatmap_scale"] == max(item["heatmap_max"] for item in gallery["items"]) > 0
    assert (folder / "scores.csv").read_bytes() == (out / "scores.csv").read_bytes()


def test_the_gallery_of_a_network_without_heat_map_head_has_no_heat_maps(data: DataSet, params: Params) -> None:
    data.files = replace(data.files, checkpoint=data.root / "plain.safetensors")
    save_model(build_model(params.model.model_copy(update={"heads": []}), None, SIZE).double(), data.files.checkpoint)
    _, out = data.evaluate(params)
    folder = out.parent / "gallery"
    gallery = json.loads((folder / "gallery.json").read_text())
    assert gallery["heatmap_scale"] == 0
    assert gallery["items"]
    assert all((item["heatmap"], item["heatmap_max"]) == (None, None) for item in gallery["items"])
    assert not list(folder.glob("*_heatmap.png"))
    assert all((folder / item["gradcam"]).is_file() for item in gallery["items"])
