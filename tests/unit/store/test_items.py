"""Parallel computation of items: only missing ones, atomically, and a crash affects only the item that crashed."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import popen_fork
from pathlib import Path

import pytest

from laanet_core.errors import LaanetError
from laanet_core.runtime.executor import open_executor
from laanet_core.runtime.workers import WorkerPool
from laanet_core.store.items import CRASH_REASON, run_items
from laanet_core.store.work_dir import WorkDir, item_key
from tests.helpers.paths import ROOT
from tests.helpers.processes import inside


def write_twice(task: tuple[str, Path], path: Path) -> None:
    """Log the call and write the task's text; fail half-way for the text 'broken'."""
    text, log = task
    with log.open("a") as file:
        file.write(f"{text}\n")
    path.write_text(text[: len(text) // 2])
    if text == "broken":
        raise ValueError("half-way")
    path.write_text(text)


def crash_on(task: tuple[str, Path], path: Path) -> None:
    """Like `write_twice`, but 'segfault' and 'abort' crash as native code does, and 'killed once' and 'killed' are killed."""
    text, log = task
    write_twice(task, path)
    if text == "segfault":
        ctypes.string_at(0)
    if text == "abort":
        os.abort()
    if text == "killed" or (text == "killed once" and log.read_text().count("killed once") == 1):
        os.kill(os.getpid(), signal.SIGKILL)


def write_reason(task: tuple[str, Path], path: Path, reason: str) -> None:
    """Write the placeholder of an item that crashed."""
    path.write_text(f"{task[0]}: {reason}")


def run(work: WorkDir, texts: list[str], log: Path) -> dict[str, Path]:
    """Compute items with `write_twice` in two threads."""
    keys = {text: item_key(text=text) for text in texts}
    with work.lock(), ThreadPoolExecutor(2) as pool:
        return run_items(work, keys, write_twice, {text: (text, log) for text in texts}, pool, "test")


def run_processes(work: WorkDir, texts: list[str], log: Path, give_up: Callable[..., None] | None = write_reason) -> dict[str, Path]:
    """Compute items with `crash_on` in real processes."""
    keys = {text: item_key(text=text) for text in texts}
    with work.lock(), open_executor() as executor:
        return run_items(work, keys, crash_on, {text: (text, log) for text in texts}, executor, "test", give_up)


@pytest.fixture
def work(tmp_path: Path) -> WorkDir:
    """A step's work folder."""
    return WorkDir("step", tmp_path / "work")


def test_only_missing_items_are_computed(work: WorkDir, tmp_path: Path) -> None:
    log = tmp_path / "log"
    run(work, ["one", "two"], log)
    paths = run(work, ["one", "two", "three"], log)
    assert sorted(log.read_text().split()) == ["one", "three", "two"]
    assert {name: path.read_text() for name, path in paths.items()} == {"one": "one", "two": "two", "three": "three"}


def test_a_failing_item_leaves_no_half_file_and_keeps_the_others(work: WorkDir, tmp_path: Path) -> None:
    log = tmp_path / "log"
    run(work, ["whole"], log)
    with pytest.raises(ValueError, match="half-way"):
        run(work, ["whole", "broken"], log)
    assert [path.read_text() for path in work.folder.glob("??/*")] == ["whole"]


def test_native_crashes_affect_only_the_items_that_crash(work: WorkDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAANET_WORKERS", "2")
    texts, log = [*"abcdefgh", "segfault", "abort"], tmp_path / "log"
    paths = run_processes(work, texts, log)
    crashed = {"segfault": f"segfault: {CRASH_REASON}", "abort": f"abort: {CRASH_REASON}"}
    assert {name: path.read_text() for name, path in paths.items()} == {text: crashed.get(text, text) for text in texts}
    ran = log.read_text().split()
    assert sorted(ran) == sorted([*texts, "segfault", "abort"]), "crashed items are tried twice, the others once"
    with work.lock():
        assert not list(work.folder.glob("*/*.tmp")), "the next run sweeps what the crashes left half-written"


def test_an_item_that_crashed_is_tried_again_by_the_next_run(work: WorkDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAANET_WORKERS", "1")
    run_processes(work, ["a", "segfault"], tmp_path / "log")
    (tmp_path / "log").write_text("")
    run_processes(work, ["a", "segfault"], tmp_path / "log")
    assert (tmp_path / "log").read_text().split() == ["segfault", "segfault"]


def test_a_process_that_is_killed_once_loses_nothing(work: WorkDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAANET_WORKERS", "2")
    paths = run_processes(work, ["a", "killed once", "b"], tmp_path / "log")
    assert [path.read_text() for path in paths.values()] == ["a", "killed once", "b"]


@pytest.mark.parametrize(("text", "signal_name"), [("killed", "SIGKILL"), ("segfault", "SIGSEGV")])
def test_an_item_without_placeholder_is_one_sentence_and_finished_items_are_kept(
    work: WorkDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, signal_name: str
) -> None:
    monkeypatch.setenv("LAANET_WORKERS", "1")
    give_up = write_reason if text == "killed" else None
    with pytest.raises(LaanetError, match=rf"the worker process for '{text}' died twice \({signal_name}\).*LAANET_WORKERS=1.*is kept\.$"):
        run_processes(work, ["a", text, "b"], tmp_path / "log", give_up)
    assert sorted(path.read_text() for path in work.folder.glob("??/*") if path.suffix != ".tmp") == ["a", "b"]


def test_the_signal_is_known_even_if_another_thread_collects_the_process_first(
    work: WorkDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poll = popen_fork.Popen.poll
    noted_at: dict[int, float] = {}

    def late(self: popen_fork.Popen, flag: int = os.WNOHANG) -> int | None:
        """Return None for 0.2 s after the exit code was collected, as if another thread had collected but not yet stored it."""
        code = poll(self, flag)
        noted = noted_at.setdefault(self.pid, time.monotonic() + 0.2) if code is not None else 0
        return None if time.monotonic() < noted else code

    monkeypatch.setattr(popen_fork.Popen, "poll", late)
    monkeypatch.setenv("LAANET_WORKERS", "1")
    with pytest.raises(LaanetError, match=r"died twice \(SIGSEGV\)"):
        run_processes(work, ["segfault"], tmp_path / "log", None)


def start_when_the_parent_is_dead() -> None:
    """Initialise a worker only after its parent has died, when it is too late to request a signal from the kernel."""
    parent = os.getppid()
    Path("started").touch()
    while os.getppid() == parent:
        time.sleep(0.01)
    Path("initialised").touch()


def test_a_worker_that_starts_as_its_parent_dies_ends_too(tmp_path: Path) -> None:
    program = (
        "from tests.unit.store.test_items import start_when_the_parent_is_dead\n"
        "from laanet_core.runtime.workers import WorkerPool\n"
        "WorkerPool(1, start_when_the_parent_is_dead).submit(print).result()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, env=environment)
    wait_for((tmp_path / "started").exists)
    parent.kill()
    parent.wait()
    wait_for((tmp_path / "initialised").exists)
    wait_for(lambda: not inside(tmp_path))


def wait_for(ready: Callable[[], bool]) -> None:
    """Wait for a condition; fail after a minute."""
    deadline = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def fill_disk(task: None, path: Path) -> None:
    """Write to a full disk, /dev/full."""
    path.symlink_to("/dev/full")
    with path.open("wb") as file:
        file.write(bytes(1 << 16))


def test_a_full_disk_ends_the_run_with_its_error_and_leaves_no_half_file(work: WorkDir, tmp_path: Path) -> None:
    run(work, ["whole"], tmp_path / "log")
    with pytest.raises(OSError, match="No space left") as error, ThreadPoolExecutor(1) as pool:
        run_items(work, {"clip": item_key(text="clip")}, fill_disk, {"clip": None}, pool, "frames")
    assert error.value.errno == errno.ENOSPC
    assert [path.read_text() for path in work.folder.glob("??/*")] == ["whole"]


def test_digests_are_taken_when_an_item_is_made(work: WorkDir, tmp_path: Path) -> None:
    item = run(work, ["one"], tmp_path / "log")["one"]
    work.record.save()
    assert WorkDir("step", tmp_path / "work").record.recorded_digest(item.name) == hashlib.sha256(b"one").hexdigest()


def test_an_item_that_was_changed_is_computed_again(work: WorkDir, tmp_path: Path) -> None:
    item = run(work, ["one"], tmp_path / "log")["one"]
    item.write_text("not one")
    assert run(WorkDir("step", tmp_path / "work"), ["one"], tmp_path / "log")["one"].read_text() == "one"
    os.utime(item, ns=(1, 1))
    run(WorkDir("step", tmp_path / "work"), ["one"], tmp_path / "log")
    assert (tmp_path / "log").read_text().split() == ["one", "one"], "a different time alone does not lead to recomputation"


def exit_at_once() -> None:
    """Exit instead of initialising."""
    os._exit(3)


def test_processes_that_cannot_start_end_the_run_without_giving_up_items(work: WorkDir, tmp_path: Path) -> None:
    with pytest.raises(LaanetError, match="a worker process died at start-up"), WorkerPool(2, exit_at_once) as pool:
        run_items(work, {"a": item_key(text="a")}, crash_on, {"a": ("a", tmp_path / "log")}, pool, "test", write_reason)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"files": 3, "used": 4}', '{"files": {"a": 1}, "used": []}'])
def test_a_damaged_record_loses_no_item(work: WorkDir, tmp_path: Path, content: str) -> None:
    run(work, ["one"], tmp_path / "log")
    work.record.path.write_text(content)
    run(WorkDir("step", tmp_path / "work"), ["one", "two"], tmp_path / "log")
    assert (tmp_path / "log").read_text().split() == ["one", "two"]
    assert WorkDir("step", tmp_path / "work").record.last_used == {item_key(text=text) for text in ("one", "two")}


def test_items_are_distributed_over_the_processes(work: WorkDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAANET_WORKERS", "2")
    keys = {str(number): item_key(number=number) for number in range(6)}
    with open_executor() as executor:
        paths = run_items(work, keys, write_pid, dict.fromkeys(keys), executor, "test")
    assert len({path.read_text() for path in paths.values()}) == 2


def write_pid(task: None, path: Path) -> None:
    """Write the process id after a delay, so that another process can take the next item."""
    time.sleep(0.5)
    path.write_text(str(os.getpid()))
