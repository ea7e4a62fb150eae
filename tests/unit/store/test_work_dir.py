"""The work folder has complete files only and one writer; processes end with their parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from laanet_core.errors import LaanetError
from laanet_core.runtime.executor import open_executor, worker_count
from laanet_core.store.outputs import link_item, output_path
from laanet_core.store.work_dir import WorkDir, item_key


def test_keys_differ_with_every_part_and_not_with_order() -> None:
    base = item_key(digest="a", size=1)
    assert base == item_key(size=1, digest="a")
    assert len({base, item_key(digest="b", size=1), item_key(digest="a", size=2), item_key(digest="a", sise=1)}) == 4


def test_a_second_writer_is_kept_out(tmp_path: Path) -> None:
    with WorkDir("step", tmp_path).lock(), pytest.raises(LaanetError, match="another run"), WorkDir("step", tmp_path).lock():
        pass


def test_incomplete_files_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    work = WorkDir("step", tmp_path)
    leftover = work.path("ab12").with_name("ab12.99.tmp")
    leftover.parent.mkdir()
    leftover.write_text("half")
    with work.lock():
        assert not leftover.exists()


def test_a_linked_output_shares_the_items_bytes(tmp_path: Path) -> None:
    item = tmp_path / "item"
    item.write_text("bytes")
    link_item(item, tmp_path / "out/video.tar")
    assert (tmp_path / "out/video.tar").stat().st_ino == item.stat().st_ino


@pytest.mark.parametrize("video_id", ["../escape", "a/../../escape", "nul\0byte"])
def test_a_video_id_cannot_leave_its_folder(tmp_path: Path, video_id: str) -> None:
    with pytest.raises(LaanetError, match="points outside the folder"):
        output_path(tmp_path / "out", video_id, ".tar")


def test_a_dotted_video_id_keeps_its_name(tmp_path: Path) -> None:
    assert output_path(tmp_path, "a/clip.v1", ".tar") == tmp_path / "a/clip.v1.tar"


def test_workers_are_counted_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAANET_WORKERS", "3")
    assert worker_count() == 3
    monkeypatch.setenv("LAANET_WORKERS", "many")
    with pytest.raises(LaanetError, match="LAANET_WORKERS"):
        worker_count()


def test_a_worker_process_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAANET_WORKERS", "1")
    with open_executor() as executor:
        assert executor.submit(os.getpid).result(timeout=60) != os.getpid()


STAGE = """
import sys, time
from laanet_core.runtime.executor import end_with_pipeline, open_executor
if __name__ == "__main__":
    end_with_pipeline()
    with open_executor() as executor:
        worker = executor.submit(__import__("os").getpid).result()
        print(__import__("os").getpid(), worker, flush=True)
        time.sleep(300)
"""


def running(pid: int) -> bool:
    """Whether a process exists and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("shell", ["", "true; "], ids=["child", "grandchild"])
def test_a_stage_and_its_workers_end_when_dvc_is_killed(tmp_path: Path, shell: str) -> None:
    (tmp_path / "stage.py").write_text(STAGE)
    dvc = tmp_path / "dvc"
    command = f"{shell}{sys.executable} {tmp_path / 'stage.py'}; true"
    dvc.write_text(f"import subprocess\nsubprocess.run({command!r}, shell=True)\n")
    environment = {**os.environ, "LAANET_WORKERS": "1"}
    parent = subprocess.Popen([sys.executable, str(dvc)], stdout=subprocess.PIPE, text=True, env=environment)
    assert parent.stdout
    stage, worker = map(int, parent.stdout.readline().split())
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 10
    while running(stage) or running(worker):
        assert time.monotonic() < deadline, "the stage outlived dvc"
        time.sleep(0.05)


def test_a_place_where_no_folder_can_be_made_is_one_sentence() -> None:
    with pytest.raises(LaanetError, match=r"^/proc/nothing/step: cannot be created; set LAANET_WORK to another folder"):
        WorkDir("step", Path("/proc/nothing"))
