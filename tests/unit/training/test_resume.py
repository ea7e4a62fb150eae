"""A training that is killed at any step, any number of times, ends with the same bytes as an uninterrupted one."""

from __future__ import annotations

import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from laanet_core.params import Params
from laanet_core.training.distributed import open_fabric
from laanet_core.training.log import LogRow
from laanet_core.training.state import Position, load_state, save_state
from laanet_core.training.step import Learner
from laanet_core.training.trainer import start_model
from tests.helpers.paths import ROOT
from tests.helpers.training_set import bytes_of, params_of, run_training

pytestmark = pytest.mark.slow


def start(params: Params, dataset: Path, out: Path) -> subprocess.Popen[bytes]:
    (out / "params.json").write_text(params.model_dump_json())
    return subprocess.Popen([sys.executable, "-m", "tests.helpers.training_set", dataset, out], cwd=ROOT)


def newest_step(out: Path) -> int:
    states = sorted((out / "work").glob("state-*.pt"))
    return int(states[-1].name.split("-")[1]) if states else 0


def kill_at(step: int, process: subprocess.Popen[bytes], out: Path, delay_s: float) -> None:
    """Send SIGKILL `delay_s` after the state of a step is saved; with a random delay, the kill interrupts any part of the next steps."""
    deadline = time.monotonic() + 120
    while newest_step(out) < step:
        assert process.poll() is None, f"ended before step {step}"
        assert time.monotonic() < deadline
        time.sleep(0.001)
    time.sleep(delay_s)
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize("changes", [{}, {"ema": 0.9, "clip_norm": 1.0, "recipe": "official"}], ids=["preset", "more options"])
def test_kills_at_random_steps_do_not_change_the_result(changes: dict[str, Any], dataset: Path, tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    generator = random.Random(seed)
    killed = tmp_path / "killed"
    killed.mkdir()
    steps = sorted(generator.sample(range(1, 17), 2))
    for step in steps:
        kill_at(step, start(params_of(save_every=1, **changes), dataset, killed), killed, generator.uniform(0, 0.2))
        assert not (killed / "out").exists(), f"seed {seed}: finished before it was killed at one of {steps}"
    assert start(params_of(save_every=1, **changes), dataset, killed).wait() == 0
    run_training(params_of(**changes), dataset, tmp_path / "uninterrupted")
    assert bytes_of(killed) == bytes_of(tmp_path / "uninterrupted"), f"seed {seed}, killed at {steps}"


def test_a_finished_run_does_not_start_over(dataset: Path, finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_training(params_of(), dataset, finished)
    assert "going on at step 18 of 18" in capsys.readouterr().err


def test_a_saved_state_restores_everything(tmp_path: Path) -> None:
    params = params_of(ema=0.9)
    learner = Learner(start_model(params, tmp_path), params, open_fabric())
    images = torch.rand(4, 3, 64, 64)
    for _ in range(2):
        learner.optimizer.zero_grad()
        learner.model(images).logit.sum().backward()
        for parameter in learner.model.parameters():
            parameter.grad = torch.randn_like(parameter)
        learner.optimizer.base_optimizer.step()  # type: ignore[attr-defined]
    assert learner.average is not None
    learner.average.update_parameters(learner.model)
    position = Position(5, {"loss": 1.0}, {"loss": 0.5}, [{"step": 4, "loss": 2.0}], [LogRow(1, 1, {"loss": 0.1}, 0.5, 0.6, 0.7, 8)], 9, 0)
    save_state(tmp_path, learner, position, keep_last=1)
    other = Learner(start_model(params_of(seed=2, ema=0.9), tmp_path), params, open_fabric())
    assert load_state(tmp_path, other) == position
    assert other.average is not None
    for mine, theirs in ((learner.model, other.model), (learner.average, other.average)):
        assert all(torch.equal(value, theirs.state_dict()[name]) for name, value in mine.state_dict().items())
    for parameter, twin in zip(learner.model.parameters(), other.model.parameters(), strict=True):
        for optimizer, owner in ((other.optimizer, twin), (other.optimizer.base_optimizer, twin)):  # type: ignore[attr-defined]
            state, twins = learner.optimizer.state[parameter], optimizer.state[owner]
            assert state.keys() == twins.keys() == {"step", "exp_avg", "exp_avg_sq"}
            assert all(torch.equal(state[key], twins[key]) for key in state)


def test_the_last_states_are_kept_and_a_damaged_one_is_skipped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    params = params_of()
    learner = Learner(start_model(params, tmp_path), params, open_fabric())
    for step in (2, 4, 6):
        save_state(tmp_path, learner, Position(step), keep_last=2)
    states = sorted(tmp_path.iterdir())
    assert [path.name for path in states] == ["state-00000004-00000.pt", "state-00000006-00000.pt"]
    states[1].write_bytes(states[1].read_bytes()[:1000])
    assert load_state(tmp_path, learner).step == 4
    assert "not readable" in capsys.readouterr().err


def test_a_state_without_disk_space_raises_the_error_of_the_disk_instead_of_torchs(tmp_path: Path) -> None:
    params = params_of()
    learner = Learner(start_model(params, tmp_path), params, open_fabric())
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, most[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            save_state(tmp_path, learner, Position(), keep_last=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
    assert not list(tmp_path.iterdir())
