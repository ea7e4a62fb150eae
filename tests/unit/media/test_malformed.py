"""The frames stage on malformed files: a row and a reason for each, no crash, bounded memory."""

from __future__ import annotations

import csv
import os
import resource
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from unittest.mock import patch

import numpy as np
import pytest

from laanet_core.datasets.index import IndexRow
from laanet_core.media.decoding.base import OUT_OF_MEMORY, UndecodableError
from laanet_core.media.decoding.limits import MAX_MEMORY, memory_budget
from laanet_core.media.decoding.source import open_source
from laanet_core.media.frames import extract_frames
from laanet_core.media.storage.shards import encode_png
from laanet_core.params import FramesParams
from laanet_core.runtime.executor import open_executor
from laanet_core.store.digests import file_digest, folder_digest, size_of
from laanet_core.store.work_dir import WorkDir
from tests.helpers.malformed import Malformed, intact, malformed_files
from tests.helpers.videos import moving_pictures, write_video

PARAMS = FramesParams(count={"train": 8, "val": 8, "test": 8}, minimum=2)
MIB = 1 << 20


def row(path: Path, video_id: str) -> IndexRow:
    """The index row of a file or folder; its digest is empty if it cannot be read."""
    readable = path.is_file() or (path.is_dir() and any(path.iterdir()))
    digest = "" if not readable else folder_digest(path) if path.is_dir() else file_digest(path)
    return IndexRow(video_id, path.name, 0, "x", "", "test", "", video_id, size_of(path) if readable else 0, digest)


def peak_memory(seconds: float) -> tuple[int, int]:
    """Process id and peak resident memory (bytes) of the worker that runs this, after keeping it busy for a while.

    `getrusage` would include the memory of the test process from which the worker was started.
    """
    time.sleep(seconds)
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return os.getpid(), 1024 * int(status["VmHWM"].split()[0])


def test_every_malformed_file_is_a_row_with_a_reason(tmp_path: Path) -> None:
    entries = malformed_files()
    root = tmp_path / "raw"
    root.mkdir()
    for entry in entries:
        entry.build(root / entry.name)
    rows = [row(root / entry.name, f"m{number:03d}") for number, entry in enumerate(entries)]
    with open_executor() as executor:
        extract_frames(rows, root, tmp_path / "out", PARAMS, WorkDir("frames", tmp_path / "work"), executor)
        peaks = dict(executor.submit(peak_memory, 0.2).result() for _ in range(4))
    with (tmp_path / "out" / "videos.csv").open(newline="") as file:
        videos = {line["video_id"]: line for line in csv.DictReader(file)}
    assert list(videos) == [entry.video_id for entry in rows]
    assert not {entry.name: wrong for entry, video in zip(entries, videos.values(), strict=True) if (wrong := fault(entry, video))}
    assert len(entries) >= 200
    assert {video["status"] for video in videos.values()} == {"ok", "unreadable", "too_few_frames"}
    assert max(peaks.values()) < MAX_MEMORY


def fault(entry: Malformed, video: dict[str, str]) -> str:
    """What is wrong with the row of an entry; empty if it is correct."""
    if video["status"] not in entry.allowed:
        return f"{video['status']}: {video['reason']}"
    if video["status"] != "ok" and (len(video["reason"]) < 10 or entry.name in video["reason"] or "crashed" in video["reason"]):
        return f"reason {video['reason']!r}"
    return ""


def test_names_of_malformed_files_differ() -> None:
    names = Counter(entry.name for entry in malformed_files())
    assert max(names.values()) == 1


def test_the_same_files_are_made_each_time(tmp_path: Path) -> None:
    for entry in malformed_files()[:200:7]:
        contents = []
        for folder in ("a", "b"):
            (tmp_path / folder).mkdir(exist_ok=True)
            entry.build(tmp_path / folder / entry.name)
            contents.append((tmp_path / folder / entry.name).read_bytes())
        assert contents[0] == contents[1], entry.name


@pytest.mark.parametrize(
    "script", ["#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{0}\n#EXT-X-ENDLIST\n", "ffconcat version 1.0\nfile '{0}'\n"]
)
def test_a_script_does_not_open_the_video_that_it_names(tmp_path: Path, script: str) -> None:
    (tmp_path / "named.ts").write_bytes(intact("transport.ts"))
    for place in ("named.ts", str(tmp_path / "named.ts"), f"file:{tmp_path}/named.ts"):
        (tmp_path / "script.mp4").write_text(script.format(place))
        with pytest.raises(UndecodableError, match=r"not in a supported container|Invalid data"), open_source(tmp_path / "script.mp4"):
            pass


def exceed_a_budget() -> bool:
    """Exceed a memory budget; returns whether the limit was restored."""
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with pytest.raises(MemoryError), memory_budget(100 * MIB):
        assert len(np.ones(50 * MIB, np.uint8)) == 50 * MIB
        np.ones(200 * MIB, np.uint8)
    return resource.getrlimit(resource.RLIMIT_DATA) == before


def test_memory_beyond_the_budget_fails_and_the_limit_is_restored() -> None:
    with open_executor() as executor:  # a process of its own, in which no other test frees memory meanwhile
        assert executor.submit(exceed_a_budget).result()


def test_budgets_of_threads_add_up_and_the_last_restores_the_limit() -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    together = Barrier(2)

    def take(size: int) -> int:
        with memory_budget(100 * MIB):
            together.wait()
            taken = np.ones(size, np.uint8)
            together.wait()
        return len(taken)

    with ThreadPoolExecutor(2) as executor:
        assert list(executor.map(take, [150 * MIB, 10 * MIB])) == [150 * MIB, 10 * MIB]
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


def decode_within_16_mib(path: Path) -> str:
    """The reason why the frame of a file cannot be decoded with this little memory."""
    with (
        patch("laanet_core.media.decoding.source.MAX_MEMORY", 16 * MIB),
        pytest.raises(UndecodableError) as error,
        open_source(path) as source,
    ):
        list(source.frames([0]))
    return str(error.value)


@pytest.mark.parametrize("name", ["video.avi", "picture.png"])
def test_a_file_that_needs_more_memory_than_allowed_is_reported(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    large = moving_pictures(1, 3200, 4000)
    if name == "video.avi":
        write_video(path, large, "rawvideo", "bgr24")
    else:
        path.write_bytes(encode_png(large[0]))
    with open_executor() as executor:
        assert executor.submit(decode_within_16_mib, path).result() == OUT_OF_MEMORY
