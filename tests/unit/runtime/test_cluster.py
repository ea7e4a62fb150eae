"""A Dask cluster gives the same bytes as local processes, even if a worker dies or a task kills its worker."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import skimage.data

from laanet_core.datasets.index import IndexRow
from laanet_core.errors import LaanetError
from laanet_core.media.faces.crops import crop_faces
from laanet_core.media.faces.landmarks import cache_landmarks
from laanet_core.media.frames import extract_frames
from laanet_core.params import CropsParams, FramesParams
from laanet_core.runtime import cluster
from laanet_core.runtime.cluster import Expected
from laanet_core.runtime.executor import open_executor
from laanet_core.store.digests import file_digest
from laanet_core.store.items import run_items
from laanet_core.store.work_dir import WorkDir, item_key
from tests.helpers.paths import ROOT
from tests.helpers.videos import write_video
from tests.unit.store.test_items import crash_on, write_reason

pytestmark = pytest.mark.slow

FRAMES = FramesParams(count={"train": 4, "val": 4, "test": 4}, minimum=1)
CROPS = CropsParams(detector="retinaface_mobilenet", enlarge=1.25, size=64, faces="largest", min_score=0.5, max_side=320)


class Cluster:
    """A scheduler and workers in processes of their own, as `dask scheduler` and `dask worker` start them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        self.processes = [self._start("scheduler", "--host", self.address, "--no-dashboard", "--no-show")]
        self.workers: list[subprocess.Popen[bytes]] = []

    def add_worker(self, *words: str) -> None:
        """Start one more worker of one thread; without a nanny it stays dead when it dies."""
        words = ("--nthreads", "1", "--no-dashboard", "--local-directory", str(self.folder), *words)
        self.workers.append(self._start("worker", self.address, *words))

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "distributed.cli.dask_" + words[0], *words[1:]]
        environment = {**os.environ, "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
        with (self.folder / f"{words[0]}.log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT, env=environment)

    def stop(self) -> None:
        """End all of them."""
        for process in [*self.workers, *self.processes]:
            process.terminate()
        for process in [*self.workers, *self.processes]:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(3)
            process.kill()


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A scheduler used by this process, without workers at first."""
    running = Cluster(tmp_path)
    monkeypatch.setenv("LAANET_SCHEDULER", running.address)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[IndexRow]:
    """Twelve small videos of a face, and one file that is no video."""
    folder = tmp_path_factory.mktemp("videos")
    rows = []
    for number in range(12):
        portrait = np.ascontiguousarray(skimage.data.astronaut()[:256, 80 + 4 * number : 336 + 4 * number])
        path = write_video(folder / f"{number}.mp4", [portrait] * 6)
        rows.append(IndexRow(path.stem, str(path), 0, "real", "", "test", "", path.stem, path.stat().st_size, file_digest(path)))
    (folder / "letter.mp4").write_text("Dear Sir or Madam\n")
    rows.append(IndexRow("letter", str(folder / "letter.mp4"), 0, "real", "", "test", "", "x", 18, file_digest(folder / "letter.mp4")))
    return rows


def build(rows: list[IndexRow], assets: Path, out: Path) -> dict[str, str]:
    """Frames, crops and landmarks of videos: file -> digest."""
    with open_executor() as executor:
        extract_frames(rows, Path("/"), out / "frames", FRAMES, WorkDir("frames", out / "work"), executor)
        crop_faces(out / "frames", out / "crops", CROPS, assets, WorkDir("crops", out / "work"), executor)
        landmarks = out / "landmarks.h5"
        cache_landmarks(out / "crops", landmarks, out / "landmarks.csv", assets, WorkDir("landmarks", out / "work"), executor)
    made = [landmarks, out / "landmarks.csv", *sorted((out / "frames").rglob("*.*")), *sorted((out / "crops").rglob("*.*"))]
    return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in made}


def test_two_workers_of_which_one_is_killed_make_the_same_bytes(
    started: Cluster, videos: list[IndexRow], assets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started.add_worker("--no-nanny")
    started.add_worker("--no-nanny")
    killer = threading.Thread(target=_kill_when, args=(started.workers[0], tmp_path / "cluster/work/frames", 3))
    killer.start()
    on_cluster = build(videos, assets, tmp_path / "cluster")
    killer.join()
    assert started.workers[0].wait(10) == -signal.SIGKILL
    assert started.workers[1].poll() is None
    monkeypatch.delenv("LAANET_SCHEDULER")
    assert build(videos, assets, tmp_path / "here") == on_cluster
    assert sum(name.endswith(".tar") for name in on_cluster) > 12


def _kill_when(process: subprocess.Popen[bytes], folder: Path, finished: int) -> None:
    """Send SIGKILL to a process as soon as `finished` items are finished."""
    deadline = time.monotonic() + 90
    while sum(not path.name.endswith(".tmp") for path in folder.glob("??/*")) < finished and time.monotonic() < deadline:
        time.sleep(0.005)
    process.kill()


def test_a_task_that_kills_its_workers_affects_no_other_task(started: Cluster, tmp_path: Path) -> None:
    started.add_worker("--nanny")
    started.add_worker("--nanny")
    texts = ["a", "segfault", "b", "c"]
    keys = {text: item_key(text=text) for text in texts}
    work = WorkDir("step", tmp_path / "work")
    with open_executor() as executor:
        paths = run_items(work, keys, crash_on, {text: (text, tmp_path / "log") for text in texts}, executor, "test", write_reason)
    found = {name: path.read_text() for name, path in paths.items()}
    assert found.pop("segfault").startswith("segfault: its worker process crashed twice")
    assert found == {"a": "a", "b": "b", "c": "c"}


@pytest.mark.parametrize(
    ("field", "message"), [("code", "runs different code or libraries"), ("folder", "has no folder /nowhere; mount it")]
)
def test_a_worker_with_other_code_or_folders_is_one_sentence(
    started: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, field: str, message: str
) -> None:
    started.add_worker("--no-nanny")
    expected = {"code": cluster.fingerprint(), "folder": str(ROOT)} | {field: "/nowhere"}
    monkeypatch.setattr(cluster, "Expected", lambda *_: Expected(**expected))
    work = WorkDir("step", tmp_path / "work")
    with open_executor() as executor, pytest.raises(LaanetError, match=message):
        run_items(work, {"a": item_key(text="a")}, crash_on, {"a": ("a", tmp_path / "log")}, executor, "test")


@pytest.mark.parametrize("module", ["types.py", "runtime/cluster.py", "media/faces/crops.py"])
def test_the_fingerprint_covers_every_module_of_the_package(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    before = cluster.fingerprint.__wrapped__()
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(path) + b"# edited" * str(path).endswith(f"laanet_core/{module}"))
    assert cluster.fingerprint.__wrapped__() != before


def test_a_scheduler_that_goes_away_is_one_sentence(started: Cluster, tmp_path: Path) -> None:
    work = WorkDir("step", tmp_path / "work")
    with (
        pytest.raises(LaanetError, match=r"the connection to the Dask scheduler was lost; start it and run again"),
        open_executor() as executor,
    ):
        threading.Timer(1, started.processes[0].kill).start()
        run_items(work, {"a": item_key(text="a")}, crash_on, {"a": ("a", tmp_path / "log")}, executor, "test")


def test_where_no_scheduler_answers_the_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAANET_SCHEDULER", "tcp://127.0.0.1:1")
    monkeypatch.setattr(cluster, "CONNECT_S", 1)
    with (
        pytest.raises(LaanetError, match=r"LAANET_SCHEDULER is 'tcp://127\.0\.0\.1:1', but no Dask scheduler answers there"),
        open_executor(),
    ):
        pass


def test_a_call_that_was_cancelled_is_dropped_and_the_next_one_runs(started: Cluster) -> None:
    with open_executor() as executor:
        future = executor.submit(os.getpid)
        assert future.cancel()
        started.add_worker("--no-nanny")
        assert executor.submit(os.getpid).result(60) == started.workers[0].pid
        assert future.cancelled()
