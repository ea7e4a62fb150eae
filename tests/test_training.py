"""Training: its data, SAM, its schedule, and that a killed run ends as if nothing had happened."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from laanet_core.datasets.index import IndexRow, write_index
from laanet_core.errors import LaanetError
from laanet_core.model import LAANet, build_model, load_model
from laanet_core.params import Params, load_params
from laanet_core.training.data import VALIDATION, Clip, Pairs, TrainingBatches, draw_epoch, make_loader, read_clips, validation_batches
from laanet_core.training.log import LogRow, better
from laanet_core.training.losses import Losses
from laanet_core.training.optim import learning_rate, make_optimizer, perturbed, sam_step, set_train_mode
from laanet_core.training.state import Position, load_state, save_state
from laanet_core.training.trainer import train
from laanet_core.training.validation import validate

PROJECT = Path(__file__).parents[1]
SIZE, FRAMES = 64, 6
OUTPUTS = ["out/model.safetensors", "out/last.safetensors", "log.csv", "metrics.json"]


def params_of(seed: int = 1, **train_changes: Any) -> Params:
    """The demo's parameters, cut down to seconds."""
    values = load_params(PROJECT / "presets" / "demo.yaml").model_dump()
    values["seed"] = seed
    values["crops"]["size"] = SIZE
    values["model"] |= {"backbone": "test_efficientnet", "pretrained": False}
    values["train"] |= {"epochs": 3, "frames_per_epoch": 4, "batch_size": 4, "freeze_epochs": 1, "save_every": 2, **train_changes}
    return Params.model_validate(values)


def face_points(random: np.random.Generator) -> np.ndarray[Any, np.dtype[np.float32]]:
    """68 points on rings about the middle of a crop, a little different each time."""
    angle = np.linspace(0, 2 * np.pi, 68)
    radius = np.where(np.arange(68) < 27, 20, 8) + random.uniform(-1, 1, 68)
    points = SIZE / 2 + np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return points.astype(np.float32)


def add_member(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def write_video(root: Path, store: h5py.File, video_id: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    (root / "crops").mkdir(exist_ok=True, parents=True)
    with tarfile.open(root / "crops" / f"{video_id}.tar", "w") as archive:
        add_member(archive, f"{video_id}/video.json", b'{"reason": "", "status": "ok"}')
        for frame in range(FRAMES):
            noise = random.integers(0, 256, (8, 8, 3)).astype(np.uint8)
            picture = cv2.imencode(".png", cv2.resize(noise, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC))[1].tobytes()
            add_member(archive, f"{video_id}/{frame * 5:06d}.png", picture)
    store[f"{video_id}/points"] = np.stack([face_points(random) for _ in range(FRAMES)])
    store[f"{video_id}/frames"] = np.arange(FRAMES, dtype=np.int32) * 5
    store[f"{video_id}/faces"] = np.zeros(FRAMES, dtype=np.int32)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Crops, landmarks and index: three real train videos, two val; a fake and a faceless one that must not be touched."""
    root = tmp_path_factory.mktemp("dataset")
    splits = {"a": "train", "b": "train", "c": "train", "v": "val", "w": "val", "faceless": "train", "fake": "train"}
    rows = [IndexRow(name, f"{name}.mp4", int(name == "fake"), "real", "", split, "", 1, "0") for name, split in splits.items()]
    write_index(root / "index.csv", rows)
    with h5py.File(root / "landmarks.h5", "w") as store:
        for seed, name in enumerate(name for name in splits if name != "faceless"):
            write_video(root, store, name, seed)
    return root


def clips_of(dataset: Path, split: Any = "train") -> list[Clip]:
    return read_clips(split, dataset / "crops", dataset / "landmarks.h5", dataset / "index.csv")


def run_training(params: Params, dataset: Path, out: Path) -> None:
    inputs = (dataset / "crops", dataset / "landmarks.h5", dataset / "index.csv", dataset / "assets")
    train(params, *inputs, out / "out", out / "log.csv", out / "metrics.json", out / "work")


def bytes_of(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in OUTPUTS}


@pytest.fixture(scope="module")
def finished(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted training."""
    out = tmp_path_factory.mktemp("finished")
    run_training(params_of(), dataset, out)
    return out


# --- the whole


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(dataset: Path, finished: Path, tmp_path: Path) -> None:
    (tmp_path / "params.json").write_text(params_of().model_dump_json())
    program = (
        "import sys; from pathlib import Path; from laanet_core.params import Params; from tests.test_training import run_training;"
        "dataset, out = map(Path, sys.argv[1:]); run_training(Params.model_validate_json((out / 'params.json').read_text()), dataset, out)"
    )
    process = subprocess.Popen([sys.executable, "-c", program, dataset, tmp_path], cwd=PROJECT)
    in_second_epoch = tmp_path / "work" / "state-00000010-00001.pt"
    deadline = time.monotonic() + 120
    while not in_second_epoch.exists():
        assert process.poll() is None, "ended before it was killed"
        assert time.monotonic() < deadline
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "out").exists()
    run_training(params_of(), dataset, tmp_path)
    assert bytes_of(tmp_path) == bytes_of(finished)


def test_a_resumed_run_does_not_start_over(dataset: Path, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_training(params_of(), dataset, finished)
    assert "going on at step 18 of 18" in capsys.readouterr().err


def test_same_seed_same_bytes_and_another_seed_other_bytes(dataset: Path, finished: Path, tmp_path: Path) -> None:
    run_training(params_of(save_every=100), dataset, tmp_path / "again")
    assert bytes_of(tmp_path / "again") == bytes_of(finished)
    run_training(params_of(seed=2, epochs=1), dataset, tmp_path / "other")
    assert (tmp_path / "other/out/last.safetensors").read_bytes() != (finished / "out/last.safetensors").read_bytes()


def test_log_and_metrics_tell_what_the_checkpoint_does(dataset: Path, finished: Path) -> None:
    with (finished / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["epoch"], row["step"]) for row in rows] == [("1", "6"), ("2", "12"), ("3", "18")]
    metrics = json.loads((finished / "metrics.json").read_text())
    best = rows[metrics["best_epoch"] - 1]
    assert metrics["val_auc"] == max(float(row["val_auc"]) for row in rows)
    params, clips = params_of(), clips_of(dataset, "val")
    model = load_model(finished / "out/model.safetensors").to(memory_format=torch.channels_last)
    loss, auc = validate(model, make_loader(clips, validation_batches(clips, params), params, 0), params)
    assert (repr(loss), repr(auc)) == (best["val_loss"], best["val_auc"])
    assert (metrics["val_loss"], metrics["train_loss"]) == (loss, float(best["loss"]))


def test_training_lowers_the_loss(finished: Path) -> None:
    with (finished / "log.csv").open() as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    assert losses[-1] < losses[0]


def test_the_better_epoch_has_the_higher_auc_then_the_lower_loss() -> None:
    row = LogRow(1, 1, 0, 0, 0, 0, 0, val_loss=2.0, val_auc=0.8)
    assert better(LogRow(2, 2, 0, 0, 0, 0, 0, val_loss=3.0, val_auc=0.9), row)
    assert better(LogRow(2, 2, 0, 0, 0, 0, 0, val_loss=1.0, val_auc=0.8), row)
    assert not better(LogRow(2, 2, 0, 0, 0, 0, 0, val_loss=2.0, val_auc=0.8), row)


# --- what cannot be trained on


def test_an_empty_split_is_one_sentence(dataset: Path) -> None:
    with pytest.raises(LaanetError, match="none of the 0 real test videos"):
        clips_of(dataset, "test")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (lambda values: values["train"].update(batch_size=64), "needs 32 crops an epoch, but the train split has 12"),
        (lambda values: values["crops"].update(size=96), "64x64 pixels, but crops.size is 96"),
        (lambda values: values["train"].update(learning_rate=1e30, peak_learning_rate=1e30), r"lower train\.peak_learning_rate"),
        (lambda values: values["model"].update(pretrained=True), r"not found.*model\.pretrained"),
    ],
)
def test_what_cannot_be_trained_is_one_sentence(changes: Callable[[Any], None], words: str, dataset: Path, tmp_path: Path) -> None:
    values = params_of().model_dump()
    changes(values)
    with pytest.raises(LaanetError, match=words):
        run_training(Params.model_validate(values), dataset, tmp_path)


# --- data


def test_only_real_videos_with_landmarks_are_learnt_from(dataset: Path) -> None:
    assert [clip.video_id for clip in clips_of(dataset)] == ["a", "b", "c"]


def test_a_videos_draw_depends_on_nothing_but_seed_epoch_and_name(dataset: Path) -> None:
    clips = clips_of(dataset)
    together = {draw.crop for draw in draw_epoch(clips, 3, 4, seed=1) if draw.clip == 2}
    alone = {draw.crop for draw in draw_epoch(clips[2:], 3, 4, seed=1)}
    assert together == alone
    assert len(alone) == 4
    epochs = [{draw.crop for draw in draw_epoch(clips[2:], epoch, 4, seed=1)} for epoch in range(10)]
    assert len(set(map(frozenset, epochs))) > 3


def test_a_resumed_plan_is_the_rest_of_the_whole_plan(dataset: Path) -> None:
    batches = TrainingBatches(clips_of(dataset), params_of())
    whole = list(batches)
    assert len(whole) == 3 * batches.steps_per_epoch == 18
    batches.start = 8
    assert list(batches) == whole[8:]


def test_batches_do_not_depend_on_the_number_of_workers(dataset: Path) -> None:
    clips, params = clips_of(dataset), params_of()
    draws = list(TrainingBatches(clips, params))[:3]
    for here, there in zip(make_loader(clips, draws, params, 0), make_loader(clips, draws, params, 2), strict=True):
        assert torch.equal(here.images, there.images)
        assert all(torch.equal(mine, theirs) for mine, theirs in zip(here.truth, there.truth, strict=True))


def test_a_batch_is_half_real_half_fakes_of_the_same_crops(dataset: Path) -> None:
    clips, params = clips_of(dataset), params_of()
    images, truth = next(iter(make_loader(clips, validation_batches(clips, params), params, 0)))
    assert images.shape == (4, 3, SIZE, SIZE)
    assert images.dtype == torch.uint8
    assert truth.label.tolist() == [0, 0, 1, 1]
    assert truth.heatmap.shape == truth.consistency.shape == (4, 1, SIZE // 4, SIZE // 4)
    assert not truth.heatmap[:2].any()
    assert bool((truth.consistency[:2] == 1).all())
    difference = (images[:2].float() - images[2:].float()).abs()
    assert bool((difference.flatten(1).amax(dim=1) > 0).all())
    assert bool((difference[..., :4, :4] == 0).all()), "a fake is its own crop outside the face"


def test_the_anchor_of_a_fake_is_a_vulnerable_point(dataset: Path) -> None:
    clips, params = clips_of(dataset), params_of()
    for batch in make_loader(clips, list(TrainingBatches(clips, params))[:6], params, 0):
        fakes = batch.truth.label == 1
        images = torch.arange(len(batch.images))
        at_anchor = batch.truth.heatmap[images, 0, batch.truth.anchor[:, 0], batch.truth.anchor[:, 1]]
        assert bool((at_anchor[fakes] == 1).all())


def test_a_crop_with_unusable_landmarks_stays_real(dataset: Path) -> None:
    clip = clips_of(dataset)[0]
    broken = Clip(clip.video_id, clip.shard, clip.members, np.full_like(clip.points, np.nan))
    pair = Pairs([broken], params_of())[draw_epoch([broken], VALIDATION, 1, 1)[0]]
    assert pair.truth.label.tolist() == [0, 0]
    assert torch.equal(pair.images[0], pair.images[1])


# --- SAM, schedule, freezing


def quadratic(parameters: list[Tensor]) -> Callable[[], Losses]:
    """A bowl that is steeper in some directions."""

    def loss() -> Losses:
        total = sum(((number + 1) * parameter.pow(4)).sum() for number, parameter in enumerate(parameters))
        return Losses(*(torch.as_tensor(total),) * 4)

    return loss


def test_sam_is_that_of_pytorch_optimizer() -> None:
    sam = pytest.importorskip("pytorch_optimizer").SAM
    start = [torch.randn(3, 4), torch.randn(5)]
    mine, theirs = ([nn.Parameter(value.clone()) for value in start] for _ in range(2))
    holder = nn.ParameterList(mine)
    adam = torch.optim.Adam(mine, lr=0.02, weight_decay=0.01)
    reference = sam(theirs, torch.optim.Adam, rho=0.05, lr=0.02, weight_decay=0.01)

    def closure() -> Tensor:
        reference.zero_grad()
        total = quadratic(list(theirs))().total
        total.backward()  # type: ignore[no-untyped-call]
        return total

    for _ in range(10):
        sam_step(holder, adam, 0.05, quadratic(list(mine)))
        closure()
        reference.step(closure)
    for first, second in zip(mine, theirs, strict=True):
        torch.testing.assert_close(first, second)


def test_the_uphill_move_is_rho_long_and_fully_undone() -> None:
    parameters = [nn.Parameter(torch.randn(7)), nn.Parameter(torch.randn(2, 3)), nn.Parameter(torch.randn(4))]
    for parameter in parameters[:2]:
        parameter.grad = torch.randn_like(parameter)
    before = [parameter.detach().clone() for parameter in parameters]
    with perturbed(parameters, 0.3):
        moves = [parameter.detach() - value for parameter, value in zip(parameters, before, strict=True)]
        assert torch.cat([move.flatten() for move in moves]).norm().item() == pytest.approx(0.3, rel=1e-5)
        assert not moves[2].any()
    assert all(torch.equal(parameter, value) for parameter, value in zip(parameters, before, strict=True))


def test_batch_statistics_move_in_the_first_pass_only() -> None:
    network = nn.Sequential(nn.Linear(3, 3), nn.Unflatten(1, (3, 1, 1)), nn.BatchNorm2d(3))
    images = torch.randn(8, 3)
    once = nn.BatchNorm2d(3)
    once(network[1](network[0](images)))

    def loss() -> Losses:
        return Losses(*(network(images).pow(3).sum(),) * 4)

    sam_step(network, torch.optim.Adam(network.parameters()), 0.05, loss)
    for name, value in once.named_buffers():
        assert torch.equal(network[2].get_buffer(name), value), name


def test_learning_rate_rises_to_the_peak_and_falls_to_nothing() -> None:
    recipe = params_of(learning_rate=5e-5, peak_learning_rate=2e-4, warmup=0.25).train
    rates = [learning_rate(step, 400, recipe) for step in range(401)]
    assert rates[0] == pytest.approx(5e-5)
    assert rates[50] == pytest.approx(1.25e-4)
    assert rates[100] == pytest.approx(2e-4)
    assert rates[250] == pytest.approx(1e-4)
    assert rates[400] == 0
    assert learning_rate(0, 10, params_of(warmup=0.0, peak_learning_rate=2e-4).train) == pytest.approx(2e-4)


@pytest.fixture
def model() -> LAANet:
    torch.manual_seed(0)
    return build_model(params_of().model, None, SIZE)


def one_step(model: LAANet, optimizer: torch.optim.Optimizer) -> None:
    images = torch.rand(4, 3, SIZE, SIZE)

    def loss() -> Losses:
        output = model(images)
        return Losses(*(output.logit.sum() + output.heatmap.mean() + output.embedding.square().mean(),) * 4)

    sam_step(model, optimizer, 0.05, loss)


def test_a_frozen_backbone_does_not_change_and_the_rest_does(model: LAANet) -> None:
    optimizer = make_optimizer(model, params_of().train)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    set_train_mode(model, frozen_backbone=True)
    one_step(model, optimizer)
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert not any(name.startswith("backbone.") for name in changed)
    assert {name for name in before if not name.startswith("backbone.")} == changed
    set_train_mode(model, frozen_backbone=False)
    one_step(model, optimizer)
    assert not torch.equal(model.state_dict()["backbone.network.conv_stem.weight"], before["backbone.network.conv_stem.weight"])


# --- saved states


def test_a_saved_state_brings_everything_back(model: LAANet, tmp_path: Path) -> None:
    optimizer = make_optimizer(model, params_of().train)
    set_train_mode(model, frozen_backbone=False)
    one_step(model, optimizer)
    row = LogRow(1, 1, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
    save_state(tmp_path, model, optimizer, Position(5, [1.0, 2.0, 3.0, 4.0], [row], 0), keep_last=1)
    other = build_model(params_of().model, None, SIZE)
    others_optimizer = make_optimizer(other, params_of().train)
    assert load_state(tmp_path, other, others_optimizer) == Position(5, [1.0, 2.0, 3.0, 4.0], [row], 0)
    for mine, theirs in zip(model.state_dict().values(), other.state_dict().values(), strict=True):
        assert torch.equal(mine, theirs)
    for parameter, twin in zip(model.parameters(), other.parameters(), strict=True):
        state, twins = optimizer.state[parameter], others_optimizer.state[twin]
        assert state.keys() == twins.keys() == {"step", "exp_avg", "exp_avg_sq"}
        assert all(torch.equal(state[key], twins[key]) for key in state)


def test_the_last_states_are_kept_and_a_spoilt_one_is_passed_over(
    model: LAANet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    optimizer = make_optimizer(model, params_of().train)
    for step in (2, 4, 6):
        save_state(tmp_path, model, optimizer, Position(step), keep_last=2)
    states = sorted(tmp_path.iterdir())
    assert [path.name for path in states] == ["state-00000004-00000.pt", "state-00000006-00000.pt"]
    states[1].write_bytes(states[1].read_bytes()[:1000])
    assert load_state(tmp_path, model, optimizer).step == 4
    assert "not readable" in capsys.readouterr().err
