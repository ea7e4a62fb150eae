"""The frames stage: evenly spaced frames of every video, lossless, one tar shard a video."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from laanet_core.datasets.index import IndexRow
from laanet_core.digests import file_digest
from laanet_core.media import decode, shards
from laanet_core.media.decode import UndecodableError, VideoInfo, decode_frames, probe, select_frames
from laanet_core.media.shards import Shard, encode_png, note_member, read_note, write_shard
from laanet_core.media.workdir import WorkDir, clear_output, code_version, item_key, link_item, output_path, run_items
from laanet_core.params import FramesParams, Split
from laanet_core.status import Status
from laanet_core.summary import summarise
from laanet_core.tables import write_table

COLUMNS = ["video_id", "status", "reason", "n_frames", "frame_count", "width", "height", "digest"]


@dataclass(frozen=True)
class VideoFacts:
    """Note of a video's shard. n_frames: frames in it; frame_count: frames of the file; width, height: of its frames."""

    status: Status
    reason: str = ""
    n_frames: int = 0
    frame_count: int = 0
    width: int = 0
    height: int = 0


@dataclass(frozen=True)
class FramesTask:
    """One video to sample. source: the pristine video of a fake, whose frame numbers it takes, or None."""

    video_id: str
    path: str
    source: str | None
    count: int
    minimum: int


def extract_frames(rows: list[IndexRow], root: Path, out: Path, params: FramesParams, work: WorkDir, executor: Executor) -> str:
    """Sample every video of an index into `out`: a tar a video and videos.csv; returns the summary line.

    rows: the index; root: folder their paths are relative to. A fake takes the frame numbers of its source, as far as it has them, so
    that both can be compared frame by frame; a fake without a source takes its own.
    """
    by_id = {row.video_id: row for row in rows}
    tasks = {row.video_id: _task(row, by_id.get(row.source_id), root, params) for row in rows}
    keys = {row.video_id: _key(row, by_id.get(row.source_id), tasks[row.video_id]) for row in rows}
    items = run_items(work, keys, sample_video, tasks, executor, "frames")
    clear_output(out)
    table = [_publish(row.video_id, items[row.video_id], out) for row in rows]
    write_table(out / "videos.csv", COLUMNS, table)
    return summarise("frames", table)


def _task(row: IndexRow, source: IndexRow | None, root: Path, params: FramesParams) -> FramesTask:
    split: Split = (source or row).split  # type: ignore[assignment]
    pristine = str((root / source.path).absolute()) if source else None
    return FramesTask(row.video_id, str((root / row.path).absolute()), pristine, params.count[split], params.minimum)


def _key(row: IndexRow, source: IndexRow | None, task: FramesTask) -> str:
    return item_key(
        video=row.video_id, digest=row.digest, source=source.digest if source else "", count=task.count, minimum=task.minimum,
        code=code_version(sys.modules[__name__], decode, shards),
    )  # fmt: skip


def sample_video(task: FramesTask, path: Path) -> None:
    """Write the shard of one video: its sampled frames as they are decoded, then a note with its status."""
    write_shard(path, _members(task))


def _members(task: FramesTask) -> Iterator[tuple[str, bytes]]:
    found, size = 0, (0, 0)
    try:
        info = probe(Path(task.path))
        numbers = _frame_numbers(task, info)
        for number, rgb in decode_frames(Path(task.path), numbers, info):
            yield f"{task.video_id}/{number:06d}.png", encode_png(rgb)
            found, size = found + 1, (rgb.shape[1], rgb.shape[0])
        facts = _facts(task, info, found, len(numbers), size)
    except UndecodableError as error:
        facts = VideoFacts(Status.UNREADABLE, str(error))
    yield note_member(task.video_id, asdict(facts))


def _frame_numbers(task: FramesTask, info: VideoInfo) -> list[int]:
    """Which frames to take: the source's where there is a readable one, as far as this video has them."""
    total = info.frame_count
    if task.source:
        try:
            total = probe(Path(task.source)).frame_count
        except UndecodableError:
            total = info.frame_count
    return [number for number in select_frames(total, task.count) if number < info.frame_count]


def _facts(task: FramesTask, info: VideoInfo, found: int, asked: int, size: tuple[int, int]) -> VideoFacts:
    """The note of a video of which `found` frames of those asked for were decoded."""
    if info.frame_count == 0 or (asked and not found):
        return VideoFacts(Status.UNREADABLE, f"none of its {info.frame_count} frames can be decoded", 0, info.frame_count)
    if found < task.minimum:
        reason = f"{found} of {asked} sampled frames can be decoded; at least {task.minimum} are needed (frames.minimum)"
        return VideoFacts(Status.TOO_FEW_FRAMES, reason, 0, info.frame_count, *size)
    reason = "" if found == asked else f"{asked - found} of {asked} sampled frames cannot be decoded"
    return VideoFacts(Status.OK, reason, found, info.frame_count, *size)


def _publish(video_id: str, item: Path, out: Path) -> Mapping[str, Any]:
    """Link a finished video into the output and give its row of videos.csv."""
    with Shard(item) as shard:
        facts = read_note(shard)
    digest = ""
    if facts["status"] == Status.OK:
        link_item(item, output_path(out, video_id, ".tar"))
        digest = file_digest(item)
    return {"video_id": video_id, **facts, "digest": digest}
