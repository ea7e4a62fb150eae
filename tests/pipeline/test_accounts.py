"""Accounts (provenance records): artefacts have them, stages refuse inputs made differently, `laanet verify` compares them with DVC's."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from laanet_core.media.storage.shards import read_note
from laanet_core.model import load_model
from laanet_core.store.account import Account, flatten, input_digest
from laanet_core.store.artefacts import read_account
from laanet_core.store.digests import file_digest
from tests.helpers.damage import spoil
from tests.helpers.project import Project, table


def account_of(path: Path) -> Account:
    account = read_account(path)
    assert account is not None, path
    return account


def test_every_artefact_records_its_parameters_inputs_and_code(built: Project) -> None:
    data, values = built.root / "data", flatten(yaml.safe_load((built.root / "params.yaml").read_text()))
    places = {
        "frames/demo/made.json": "frames.minimum", "crops/demo/made.json": "crops.enlarge", "quality/demo.json": "quality.forehead",
        "checkpoints/model.safetensors": "lambda2", "checkpoints/last.safetensors": "train.epochs",
        "evaluation/demo/scoring.json": "evaluate.threshold", "../reports/demo/scoring.json": "seed",
        "../reports/robustness.json": "robustness.frames", "../reports/training/made.json": "synthesis.sbi.scale",
    }  # fmt: skip
    for place, key in places.items():
        account = account_of(data / place)
        assert account.params[key] == values[key], place
        assert re.fullmatch("[0-9a-f]{64}", account.code), place
    inputs = {
        "crops/demo/made.json": ["frames/demo"], "landmarks/demo.h5": ["crops/demo"],
        "quality/demo.json": ["index/demo.csv", "frames/demo", "crops/demo", "landmarks/demo.h5"],
        "checkpoints/model.safetensors": ["index/demo.csv", "crops/demo", "landmarks/demo.h5"],
        "evaluation/demo/scoring.json": ["index/demo.csv", "crops/demo", "quality/demo.csv", "checkpoints/model.safetensors"],
    }  # fmt: skip
    for place, names in inputs.items():
        found = account_of(data / place).inputs
        assert {name: found[name] for name in names} == {name: input_digest(data / name) for name in names}, place


def test_the_note_of_every_shard_has_its_account_and_the_digest_of_its_content(built: Project) -> None:
    for step, inputs in (("frames", {"video"}), ("crops", {"frames", "detector"})):
        shards = sorted((built.root / f"data/{step}/demo").rglob("*.tar"))
        assert shards
        for shard in shards:
            note = read_note(shard)
            assert note["made"]["inputs"].keys() == inputs
            assert note["made"]["params"]
            assert re.fullmatch("[0-9a-f]{64}", note["digest"])


def test_a_network_trained_with_other_parameters_is_not_evaluated(project: Project) -> None:
    project.set({"lambda2": 10})
    shutil.rmtree(project.root / "reports/demo")
    output = project.dvc("repro", "--force", "--single-item", "evaluate@demo", succeeds=False)
    assert "data/checkpoints/model.safetensors: was made with lambda2 = 1.0, params.yaml has 10.0" in output
    assert "Traceback" not in output
    assert not (project.root / "reports/demo").exists(), "a run that failed leaves no empty folder"


@pytest.mark.parametrize(
    ("stage", "change", "sentence"),
    [
        ("crops@demo", {"frames.minimum": 1}, "data/frames/demo/made.json: was made with frames.minimum = 2, params.yaml has 1"),
        ("landmarks@demo", {"crops.enlarge": 1.5}, None),
        ("train", {"crops.enlarge": 1.5}, "data/crops/demo/made.json: was made with crops.enlarge = 1.25, params.yaml has 1.5"),
        ("evaluate@demo", {"quality.forehead": 0.1}, "data/quality/demo.json: was made with quality.forehead = 0.4, params.yaml has 0.1"),
        ("robustness", {"train.epochs": 9}, "model.safetensors: was made with train.epochs = 2, params.yaml has 9"),
        ("report", {"evaluate.threshold": 0.9}, "reports/robustness.json: was made with evaluate.threshold = 0.5, params.yaml has 0.9"),
        ("report", {"lambda1": 3}, "was made with lambda1 = 0.01, params.yaml has 3"),
    ],
)
def test_each_stage_refuses_an_input_of_other_parameters(
    project: Project, stage: str, change: dict[str, object], sentence: str | None
) -> None:
    project.set(change)
    output = project.dvc("repro", "--force", "--single-item", stage, succeeds=False)
    assert (sentence or "data/crops/demo/made.json: was made with crops.enlarge = 1.25") in output, output


def test_landmarks_of_other_crops_are_refused(project: Project) -> None:
    videos = project.root / "data/crops/demo/videos.csv"
    text = videos.read_text()
    videos.unlink()
    videos.write_text(text + "\n")
    output = project.dvc("repro", "--force", "--single-item", "train", succeeds=False)
    assert "data/landmarks/demo.h5: was made from a different version of data/crops/demo" in output


def test_a_replaced_shard_is_not_used(project: Project) -> None:
    rows = table(project.root / "data/index/demo.csv")
    names = [row["video_id"] for row in rows if (row["split"], row["label"]) == ("train", "0")]
    one, two = (project.root / f"data/crops/demo/{name}.tar" for name in names[:2])
    content = two.read_bytes()
    one.unlink()
    one.write_bytes(content)
    output = project.dvc("repro", "--force", "--single-item", "--no-run-cache", "train", succeeds=False)
    assert re.search(r"error: \S*\.tar: its content differs from videos\.csv", output), output


def test_an_artefact_of_an_earlier_version_is_refused(project: Project) -> None:
    path = project.root / "data/checkpoints/model.safetensors"
    strip(path)
    output = project.dvc("repro", "--force", "--single-item", "evaluate@demo", succeeds=False)
    assert "data/checkpoints/model.safetensors: has no provenance record" in output


def strip(path: Path) -> None:
    """Remove account and digest from a checkpoint, as in files of earlier versions."""
    with safe_open(path, framework="pt") as file:
        described = json.loads(file.metadata()["laanet"])
    tensors = load_file(path)
    path.unlink()
    del described["made"], described["digest"]
    save_file(tensors, path, metadata={"laanet": json.dumps(described)})
    load_model(path)


def train_entry(project: Project) -> Path:
    """Return the run-cache entry of the training."""
    entries = (project.root / ".dvc/cache/runs").glob("??/*/*")
    return next(path for path in entries if "stages.train" in path.read_text())


def test_verify_finds_an_entry_of_the_run_cache_that_its_checkpoint_contradicts_and_removes_it(project: Project) -> None:
    entry = train_entry(project)
    values = yaml.safe_load(entry.read_text())
    values["params"]["params.yaml"]["lambda2"] = 10
    entry.chmod(0o644)
    entry.write_text(yaml.safe_dump(values))
    output = project.run("laanet", "verify", succeeds=False)
    name = entry.relative_to(project.root)
    assert f"wrong: run cache, 'python -m stages.train' ({name}): it records lambda2 = 10, but data/checkpoints was made with 1.0" in output
    assert "laanet verify --remove" in output
    project.run("laanet", "verify", "--remove")
    assert not entry.parent.exists(), "DVC cannot read a folder without entries"
    assert "wrong" not in project.run("laanet", "verify")


def test_verify_finds_a_lock_that_the_checkpoint_contradicts_and_says_how_to_replace_it(project: Project) -> None:
    lock = project.root / "dvc.lock"
    values = yaml.safe_load(lock.read_text())
    values["stages"]["train"]["params"]["params.yaml"]["lambda2"] = 10
    lock.write_text(yaml.safe_dump(values))
    project.set({"lambda2": 10})
    output = project.run("laanet", "verify", succeeds=False)
    assert "wrong: dvc.lock, stage train: it records lambda2 = 10, but data/checkpoints was made with 1.0" in output
    assert "dvc repro --force --single-item train" in output
    project.dvc("repro", "--force", "--single-item", "train")
    project.dvc("repro")
    assert "wrong" not in project.run("laanet", "verify")
    assert account_of(project.root / "data/checkpoints/model.safetensors").params["lambda2"] == 10


def test_verify_finds_a_record_of_other_inputs(project: Project) -> None:
    lock = project.root / "dvc.lock"
    values = yaml.safe_load(lock.read_text())
    deps = {dep["path"]: dep for dep in values["stages"]["train"]["deps"]}
    deps["data/index/demo.csv"]["md5"] = deps["data/landmarks/demo.h5"]["md5"]
    lock.write_text(yaml.safe_dump(values))
    output = project.run("laanet", "verify", succeeds=False)
    assert re.search(
        r"wrong: dvc\.lock, stage train: it records data/index/demo\.csv with MD5 \w{8}, but data/checkpoints was made", output
    )


def test_verify_finds_scores_that_git_brought_back_before_dvc_recorded_them(project: Project) -> None:
    """`git stash` ignores DVC's locks: between the end of a stage and DVC's record it can restore the scores of a commit."""
    older = (project.root / "reports/demo/scoring.json").read_bytes()
    project.set({"crops.enlarge": 1.5})
    project.dvc("repro")
    (project.root / "reports/demo/scoring.json").write_bytes(older)
    project.dvc("commit", "--force", "evaluate@demo")
    output = project.run("laanet", "verify", succeeds=False)
    assert re.search(
        r"wrong: dvc\.lock, stage evaluate@demo: .*it records data/crops/demo with MD5 \w{8}, but reports/demo/scoring\.json was made",
        output,
    )
    assert "; the stage wrote different versions of reports/demo/scoring.json\n" in output
    assert "'dvc repro' rebuilds these outputs and replaces their records in dvc.lock" in output


def test_verify_reports_no_contradiction_for_outputs_of_an_input_that_was_damaged_later(project: Project) -> None:
    spoil(project.root / "data/checkpoints/model.safetensors")
    output = project.run("laanet", "verify", succeeds=False)
    assert "damaged: data/checkpoints/model.safetensors" in output
    assert "wrong:" not in output


def test_verify_reports_a_damaged_folder_listing_and_continues(project: Project) -> None:
    md5 = project.outputs()["data/crops/demo"]
    listing = project.root / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
    listing.chmod(0o644)
    listing.write_text(listing.read_text()[:-1])
    output = project.run("laanet", "verify", succeeds=False)
    assert f"damaged: {listing.relative_to(project.root)}\n" in output
    assert "Traceback" not in output


def test_verify_names_records_of_earlier_versions_as_unconfirmed(project: Project) -> None:
    path = project.root / "data/checkpoints/model.safetensors"
    strip(path)
    project.dvc("commit", "--force", "train")
    output = project.run("laanet", "verify")
    assert "unconfirmed: dvc.lock, stage train: data/checkpoints has no provenance record" in output
    assert "wrong:" not in output


def test_training_again_gives_the_same_file_with_its_account(project: Project) -> None:
    before = file_digest(project.root / "data/checkpoints/model.safetensors")
    project.dvc("repro", "--force", "--single-item", "--no-run-cache", "train")
    assert file_digest(project.root / "data/checkpoints/model.safetensors") == before
