"""Complete trainings, refused inputs, and the training data."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from safetensors import safe_open

from laanet_core.errors import LaanetError
from laanet_core.model import load_model
from laanet_core.params import Params
from laanet_core.synthesis.rng import Rng
from laanet_core.training.batch import Batch
from laanet_core.training.curves import write_curves
from laanet_core.training.dataset import VALIDATION, TrainingBatches, draw_epoch, read_clips, validation_batches
from laanet_core.training.distributed import open_fabric
from laanet_core.training.loader import collate, make_loader
from laanet_core.training.log import LogRow, better
from laanet_core.training.pairs import PairBatches, make_fakes, make_pairs
from laanet_core.training.prefetch import DEPTH, prefetch
from laanet_core.training.validation import validate
from tests.helpers.training_set import SIZE, batches_of, bytes_of, clips_of, crops_of, params_of, run_training

pytestmark = pytest.mark.slow

# --- complete trainings


def test_same_seed_same_bytes_and_another_seed_other_bytes(dataset: Path, finished: Path, tmp_path: Path) -> None:
    run_training(params_of(save_every=100), dataset, tmp_path / "again")
    assert bytes_of(tmp_path / "again") == bytes_of(finished)
    run_training(params_of(seed=2, epochs=1), dataset, tmp_path / "other")
    assert (tmp_path / "other/out/last.safetensors").read_bytes() != (finished / "out/last.safetensors").read_bytes()


def test_log_and_metrics_describe_the_checkpoint(dataset: Path, finished: Path) -> None:
    with (finished / "reports/log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["epoch"], row["step"]) for row in rows] == [("1", "6"), ("2", "12"), ("3", "18")]
    metrics = json.loads((finished / "reports/metrics.json").read_text())
    best = rows[metrics["best_epoch"] - 1]
    assert metrics["val_auc"] == max(float(row["val_auc"]) for row in rows)
    params, clips = params_of(), clips_of(dataset, "val")
    model = load_model(finished / "out/model.safetensors").to(memory_format=torch.channels_last)
    samples = make_loader(crops_of(clips, params), validation_batches(clips, params), 0)
    loss, auc, *_ = validate(model, PairBatches(samples, params, torch.device("cpu"), augmented=False), params, open_fabric())
    assert (repr(loss), repr(auc)) == (best["val_loss"], best["val_auc"])
    assert (metrics["val_loss"], metrics["train_loss"]) == (loss, float(best["loss"]))


def test_training_lowers_the_loss(finished: Path) -> None:
    with (finished / "reports/log.csv").open() as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    assert losses[-1] < losses[0]


def test_curves_are_dvclives_files(tmp_path: Path) -> None:
    live = pytest.importorskip("dvclive").Live(str(tmp_path / "theirs"), dvcyaml=None, save_dvc_exp=False, report=None)
    losses = ["loss", "loss_class", "loss_edge"]
    points = [dict(zip(["step", *losses, "learning_rate"], [step, 0.5 / (step + 1), 0.25, 1.5, 1e-4], strict=True)) for step in range(3)]
    for point in points:
        for name in (*losses, "learning_rate"):
            live.log_metric(f"train/{name}", point[name])
        live.log_metric("val/auc", 0.75)
        live.log_metric("val/loss", 2.5)
        live.next_step()
    rows = [LogRow(step + 1, step, {}, 0, val_loss=2.5, val_auc=0.75) for step in range(3)]
    write_curves(tmp_path / "ours", losses, points, rows)
    theirs = {str(path.relative_to(tmp_path / "theirs")): path.read_text() for path in (tmp_path / "theirs").rglob("*.tsv")}
    ours = {str(path.relative_to(tmp_path / "ours")): path.read_text() for path in (tmp_path / "ours").rglob("*.*")}
    assert ours == theirs


def test_a_point_of_the_curves_is_the_mean_since_the_previous_point(dataset: Path, finished: Path, tmp_path: Path) -> None:
    run_training(params_of(log_every=3), dataset, tmp_path)
    each, third = (np.loadtxt(out / "reports/plots/metrics/train/loss.tsv", skiprows=1) for out in (finished, tmp_path))
    assert each[:, 0].tolist() == list(range(1, 19))
    assert third[:, 0].tolist() == [3, 6, 9, 12, 15, 18]
    assert third[:, 1] == pytest.approx(each[:, 1].reshape(6, 3).mean(axis=1))


def test_the_better_epoch_has_the_higher_auc_then_the_lower_loss() -> None:
    row = LogRow(1, 1, {}, 0, val_loss=2.0, val_auc=0.8)
    assert better(LogRow(2, 2, {}, 0, val_loss=3.0, val_auc=0.9), row)
    assert better(LogRow(2, 2, {}, 0, val_loss=1.0, val_auc=0.8), row)
    assert not better(LogRow(2, 2, {}, 0, val_loss=2.0, val_auc=0.8), row)


# --- what cannot be trained on


def test_an_empty_split_is_one_sentence(dataset: Path) -> None:
    with pytest.raises(LaanetError, match="none of the 0 real test videos"):
        clips_of(dataset, "test")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (lambda values: values["train"].update(batch_size=64), "needs 32 crops per epoch, the train split has 12"),
        (lambda values: values["crops"].update(size=96), "64x64 pixels, but crops.size is 96"),
        (lambda values: values["train"].update(learning_rate=1e30, peak_learning_rate=1e30), r"lower train\.peak_learning_rate"),
        (lambda values: values["model"].update(pretrained=True), r"not found.*model\.pretrained"),
    ],
)
def test_parameters_that_cannot_be_trained_with_are_one_sentence(
    changes: Callable[[Any], None], words: str, dataset: Path, tmp_path: Path
) -> None:
    values = params_of().model_dump()
    changes(values)
    with pytest.raises(LaanetError, match=words):
        run_training(Params.model_validate(values), dataset, tmp_path)


def test_a_loss_that_is_not_finite_names_its_step_and_keeps_its_batch(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(LaanetError, match=r"at step 2 of epoch 1, on .*\.tar: [abc]/0000\d\d\.png") as caught:
        run_training(params_of(learning_rate=1e30, peak_learning_rate=1e30), dataset, tmp_path)
    with safe_open(tmp_path / "work.step-2.safetensors", framework="pt") as file:
        assert str(tmp_path / "work.step-2.safetensors") in str(caught.value)
        assert file.get_tensor("images").shape == (4, 3, SIZE, SIZE)
        assert file.get_tensor("label").tolist() == [0, 0, 1, 1]
        assert all(item in str(caught.value) for item in json.loads(file.metadata()["items"]))


# --- data


def test_only_real_videos_with_landmarks_are_trained_on(dataset: Path) -> None:
    assert [clip.video_id for clip in clips_of(dataset)] == ["a", "b", "c"]


def test_a_videos_draw_depends_on_nothing_but_seed_epoch_and_name(dataset: Path) -> None:
    clips = clips_of(dataset)
    together = {draw.crop for draw in draw_epoch(clips, 3, 4, seed=1) if draw.clip == 2}
    alone = {draw.crop for draw in draw_epoch(clips[2:], 3, 4, seed=1)}
    assert together == alone
    assert len(alone) == 4
    epochs = [{draw.crop for draw in draw_epoch(clips[2:], epoch, 4, seed=1)} for epoch in range(10)]
    assert len(set(map(frozenset, epochs))) > 3


def test_a_resumed_plan_is_the_rest_of_the_complete_plan(dataset: Path) -> None:
    batches = TrainingBatches(clips_of(dataset), params_of())
    complete = list(batches)
    assert len(complete) == 3 * batches.steps_per_epoch == 18
    batches.start = 8
    assert list(batches) == complete[8:]


@pytest.mark.parametrize("method", ["sbi", "bi"])
def test_batches_do_not_depend_on_the_number_of_workers(dataset: Path, method: str) -> None:
    params = params_with(method)
    for here, there in zip(islice(batches_of(dataset, params), 3), islice(batches_of(dataset, params, workers=2), 3), strict=True):
        assert here.items == there.items
        assert torch.equal(here.images, there.images)
        assert here.targets.named().keys() == there.targets.named().keys() == {"label", "heatmap", "consistency", "anchor"}
        assert all(torch.equal(target, there.targets.named()[name]) for name, target in here.targets.named().items())


@pytest.mark.parametrize("method", ["sbi", "bi"])
def test_a_pair_does_not_depend_on_the_batch_that_it_is_made_in(dataset: Path, method: str) -> None:
    clips, params = clips_of(dataset), params_with(method)
    draws, crops = draw_epoch(clips, 0, 4, params.seed), crops_of(clips, params)
    together = make_pairs(collate([crops[draw] for draw in draws]), params, augmented=True)
    for number, draw in enumerate(draws):
        alone = make_pairs(collate([crops[draw]]), params, augmented=True)
        at = [number, number + len(draws)]
        assert torch.equal(alone.images, together.images[at])
        mine, theirs = alone.targets.of_heads, together.targets.of_heads
        assert torch.allclose(mine["heatmap"], theirs["heatmap"][at], atol=1e-6)
        assert torch.equal(mine["consistency"], theirs["consistency"][at])
        assert torch.equal(mine["anchor"], theirs["anchor"][at])


@pytest.mark.parametrize("method", ["sbi", "bi"])
def test_no_two_steps_share_their_draws(dataset: Path, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[str, bytes]] = []
    start = Rng._start

    def noted(self: Rng, purpose: str) -> np.ndarray[Any, np.dtype[np.int64]]:
        drawn.append((purpose, self.keys.tobytes()))
        return start(self, purpose)

    clips, params = clips_of(dataset), params_with(method)
    crops = crops_of(clips, params)
    monkeypatch.setattr(Rng, "_start", noted)
    make_pairs(collate([crops[draw] for draw in draw_epoch(clips, 0, 4, 1)]), params, augmented=True)
    assert len(drawn) > 30
    assert len(set(drawn)) == len(drawn)


def params_with(method: str) -> Params:
    """Parameters with a method of synthesis."""
    values = params_of().model_dump()
    values["synthesis"]["method"] = method
    return Params.model_validate(values)


def test_a_batch_is_half_real_half_fakes_of_the_same_crops(dataset: Path) -> None:
    images, targets, items = validation_batch(dataset, params_of())
    assert images.shape == (4, 3, SIZE, SIZE)
    assert images.dtype == torch.uint8
    assert items[:2] == items[2:]
    assert targets.label.tolist() == [0, 0, 1, 1]
    heatmap, consistency = (targets.of_heads[name] for name in ("heatmap", "consistency"))
    assert heatmap.shape == consistency.shape == (4, 1, SIZE // 4, SIZE // 4)
    assert not heatmap[:2].any()
    assert bool((consistency[:2] == 1).all())
    difference = (images[:2].float() - images[2:].float()).abs()
    assert bool((difference.flatten(1).amax(dim=1) > 0).all())
    assert bool((difference[..., :4, :4] == 0).all()), "a fake is its own crop outside the face"


def validation_batch(dataset: Path, params: Params) -> Batch:
    """The first validation batch of the train clips."""
    clips = clips_of(dataset)
    samples = make_loader(crops_of(clips, params), validation_batches(clips, params), 0)
    return next(iter(PairBatches(samples, params, torch.device("cpu"), augmented=False)))


def test_a_blended_image_has_the_background_of_its_crop_and_a_face_of_another_person(dataset: Path) -> None:
    images, targets, items = validation_batch(dataset, params_with("bi"))
    assert targets.label.tolist() == [0, 0, 1, 1]
    for real, fake in zip(items[:2], items[2:], strict=True):
        background, foreground = fake.split(" + ")
        assert background == real
        assert foreground.split(":")[0] != real.split(":")[0], "these videos are of three people"
    assert torch.equal(images[:2, :, :4, :4], images[2:, :, :4, :4])


def test_partners_are_drawn_again_in_each_epoch_and_are_never_the_same_person(dataset: Path) -> None:
    clips, params = clips_of(dataset), params_with("bi")
    clips[2] = dataclasses.replace(clips[2], person=clips[0].person)
    crops = crops_of(clips, params)
    assert crops.partners is not None
    drawn = [(draw, crops[draw][2]) for epoch in range(4) for draw in draw_epoch(clips, epoch, 6, params.seed)]
    person_of = {str(clip.shard): clip.person for clip in clips}
    for draw, partner in drawn:
        assert partner is not None
        assert person_of[partner.item.split(":")[0]] != clips[draw.clip].person
    partners = [{partner.item for draw, partner in drawn if partner and draw.clip == 0 and draw.epoch == epoch} for epoch in range(4)]
    assert len(set(map(frozenset, partners))) > 1


def test_blending_two_people_needs_two(dataset: Path) -> None:
    with pytest.raises(LaanetError, match="two people"):
        crops_of(clips_of(dataset)[:1], params_with("bi"))


def test_the_anchor_of_a_fake_is_a_vulnerable_point(dataset: Path) -> None:
    for batch in islice(batches_of(dataset, params_of()), 6):
        fakes = batch.targets.label == 1
        images = torch.arange(len(batch.images))
        heatmap, anchor = (batch.targets.of_heads[name] for name in ("heatmap", "anchor"))
        at_anchor = heatmap[images, 0, anchor[:, 0], anchor[:, 1]]
        assert bool((at_anchor[fakes] == 1).all())


def test_crops_with_unusable_landmarks_are_left_out_and_counted(dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(dataset, tmp_path / "set")
    with h5py.File(tmp_path / "set/landmarks.h5", "r+") as store:
        store["a/points"][:2] = np.nan
        store["b/points"][:] = 7
    assert [(clip.video_id, len(clip.members)) for clip in clips_of(tmp_path / "set")] == [("a", 4), ("c", 6)]
    run_training(params_of(epochs=1), tmp_path / "set", tmp_path / "out")
    assert "8 of 18 crops are left out: their landmarks allow no blend" in capsys.readouterr().err
    assert json.loads((tmp_path / "out/reports/metrics.json").read_text())["crops_left_out"] == 8


def test_a_pair_without_a_blend_is_real_twice_and_counted(dataset: Path, tmp_path: Path) -> None:
    values = params_of(epochs=1).model_dump()
    values["synthesis"]["sbi"] |= {"mask_precision": "float", "mask_kernel": [5, 99], "mask_scale": [0.3, 0.3]}
    params = Params.model_validate(values)
    clips = clips_of(dataset)
    samples = collate([crops_of(clips, params)[draw] for draw in draw_epoch(clips, 0, 4, 1)])
    blend, batch = make_fakes(samples, Rng(samples.keys.numpy()), params), make_pairs(samples, params, augmented=True)
    lost = int((~blend.ok).sum())
    assert 0 < lost < len(blend.ok), "some faces are eroded away, some are not"
    assert len(blend.ok) - int(batch.targets.label.sum()) == lost
    real, fake = batch.images.chunk(2)
    assert torch.equal(real[~blend.ok], fake[~blend.ok])
    run_training(params, dataset, tmp_path)
    with (tmp_path / "reports/log.csv").open() as file:
        assert int(next(csv.DictReader(file))["unblended"]) > 0


def test_fakes_of_the_data_set_are_batched_with_real_crops(dataset: Path) -> None:
    real, fake = (read_clips("train", dataset / "crops", dataset / "landmarks.h5", dataset / "index.csv", label).clips for label in (0, 1))
    assert [clip.video_id for clip in fake] == ["fake", "fake_too"]
    params = params_of(model={"heads": []}, fakes="dataset")
    crops = crops_of(real, params, fake)
    batches = list(PairBatches(make_loader(crops, TrainingBatches(real, params), 0), params, torch.device("cpu"), augmented=True))
    assert all(batch.targets.label.tolist() == [0, 0, 1, 1] for batch in batches)
    drawn = {item for batch in batches for item in batch.items[2:]}
    assert {item.rsplit("/", 1)[0].rsplit(" ", 1)[1] for item in drawn} == {"fake", "fake_too"}
    assert len(drawn) > 6, "crops are drawn again in each epoch"
    validation = make_pairs(collate([crops[draw_epoch(real, VALIDATION, 1, 1)[0]]]), params, augmented=False)
    pixels = {crops.read(clip, number).image.tobytes() for clip in fake for number in range(len(clip.members))}
    assert validation.images[1].permute(1, 2, 0).numpy().tobytes() in pixels, "not augmented, not blended"


# --- prefetched batches


def test_prefetched_batches_are_the_same_in_the_same_order(dataset: Path) -> None:
    made, asked = (
        list(islice(batches_of(dataset, params_of()), 8)),
        prefetch(islice(batches_of(dataset, params_of()), 8), torch.device("cpu")),
    )
    for here, there in zip(made, asked, strict=True):
        assert here.items == there.items
        assert torch.equal(here.images, there.images)


def test_worker_processes_outlive_the_thread_that_prefetches_batches(dataset: Path) -> None:
    clips, params = clips_of(dataset), params_of()
    samples = make_loader(crops_of(clips, params), validation_batches(clips, params), 1)
    batches = PairBatches(samples, params, torch.device("cpu"), augmented=False)
    first, second = ([batch.items for batch in prefetch(iter(batches), torch.device("cpu"))] for _ in range(2))
    assert first == second
    assert len(first) > 1


def test_an_error_in_a_prefetched_batch_is_raised_when_it_is_requested(dataset: Path) -> None:
    def broken() -> Iterator[Batch]:
        yield from islice(batches_of(dataset, params_of()), 2)
        raise LaanetError("spoilt crop")

    batches = prefetch(broken(), torch.device("cpu"))
    assert len([next(batches), next(batches)]) == 2
    with pytest.raises(LaanetError, match="spoilt crop"):
        next(batches)


def test_prefetching_is_bounded_and_stops_when_it_is_closed(dataset: Path) -> None:
    made = 0

    def counted() -> Iterator[Batch]:
        nonlocal made
        for batch in batches_of(dataset, params_of()):
            made += 1
            yield batch

    before = threading.active_count()
    batches = prefetch(counted(), torch.device("cpu"))
    next(batches)
    time.sleep(0.5)
    assert made <= DEPTH + 2
    batches.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


@pytest.mark.parametrize("processes", [2, 4])
def test_processes_share_each_batch_without_overlap(dataset: Path, processes: int) -> None:
    clips, params = clips_of(dataset), params_of(batch_size=8)
    together = list(TrainingBatches(clips, params))
    parts = [list(TrainingBatches(clips, params, rank, processes)) for rank in range(processes)]
    for batch, shares in zip(together, zip(*parts, strict=True), strict=True):
        assert sorted(batch) == sorted(draw for share in shares for draw in share)
        assert {len(share) for share in shares} == {4 // processes}


def test_a_batch_that_cannot_be_shared_is_one_sentence(dataset: Path) -> None:
    with pytest.raises(LaanetError, match=r"train\.batch_size: 4 cannot be divided equally among 3 processes; make it a multiple of 6"):
        TrainingBatches(clips_of(dataset), params_of(), 0, 3)
