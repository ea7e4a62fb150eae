"""The frames stage: evenly spaced frames of every video, lossless, one tar shard a video."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from laanet_core.datasets.index import IndexRow
from laanet_core.errors import LaanetError
from laanet_core.formats import IMAGE_SUFFIXES
from laanet_core.media.decoding.base import UndecodableError, select_frames
from laanet_core.media.decoding.source import FrameSource, open_source
from laanet_core.media.storage.shards import DIGEST, Note, encode_png, read_note, write_shard
from laanet_core.params import FramesParams
from laanet_core.status import Status, summarise
from laanet_core.store.account import FOLDER_ACCOUNT, Account, flatten, write_account
from laanet_core.store.code import code_key
from laanet_core.store.csv_io import write_table
from laanet_core.store.digests import size_of
from laanet_core.store.items import run_items
from laanet_core.store.outputs import clear_output, link_item, output_path
from laanet_core.store.work_dir import WorkDir, item_key

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
    """One video to sample. size_bytes: of its file when the index was made, None where it could not be read then;
    total: frames of the pristine video of a fake, whose frame numbers it takes, or None for its own; counts: how many frames, its own
    split's number and, of a pristine video, those of the splits of its fakes; made: the account of the shard."""

    video_id: str
    path: str
    size_bytes: int | None
    total: int | None
    counts: tuple[int, ...]
    minimum: int
    made: Account


def extract_frames(rows: list[IndexRow], root: Path, out: Path, params: FramesParams, work: WorkDir, executor: Executor) -> str:
    """Sample every video of an index into `out`: a tar a video and videos.csv; returns the summary line.

    rows: the index; root: folder their paths are relative to. A fake takes the frame numbers of its source, as far as it has them, so
    that both can be compared frame by frame; a fake without a readable source takes its own. Raises LaanetError when a file is no
    longer what it was when the index was made.
    """
    sources = [row for row in rows if not row.source_id]
    fakes = [row for row in rows if row.source_id]
    splits: dict[str, set[str]] = {row.video_id: {row.split} for row in rows}
    for fake in fakes:
        splits.setdefault(fake.source_id, set()).add(fake.split)
    counts = {name: tuple(sorted({params.count[split] for split in wanted})) for name, wanted in splits.items()}  # type: ignore[index]
    code = code_key(sample_video)
    plan = _Plan(root, params.minimum, counts, code)
    items = _sample(sources, plan, work, executor, "frames")
    notes = {name: read_note(item) for name, item in items.items()}
    plan.totals = {name: note["frame_count"] for name, note in notes.items()}
    items |= _sample(fakes, plan, work, executor, "frames of fakes")
    notes |= {fake.video_id: read_note(items[fake.video_id]) for fake in fakes}
    clear_output(out)
    table = [_publish(row.video_id, notes[row.video_id], items[row.video_id], out) for row in rows]
    write_table(out / "videos.csv", COLUMNS, table)
    write_account(out / FOLDER_ACCOUNT, Account(flatten({"frames": params.model_dump(mode="json")}), code=code))
    return summarise("frames", table)


@dataclass
class _Plan:
    """What is asked of the videos. root: their folder; counts: frames of each; code: key of what samples them; totals: frames that a
    source's file has."""

    root: Path
    minimum: int
    counts: Mapping[str, tuple[int, ...]]
    code: str
    totals: Mapping[str, int] = field(default_factory=dict)

    def task(self, row: IndexRow) -> FramesTask:
        """The task of one video."""
        size = row.size_bytes if row.digest else None
        path, total = str((self.root / row.path).absolute()), self.totals.get(row.source_id) or None
        counts = self.counts[row.video_id]
        made = Account({"frames.count": list(counts), "frames.minimum": self.minimum}, {"video": row.digest}, self.code)
        return FramesTask(row.video_id, path, size, total, counts, self.minimum, made)


def _sample(rows: Sequence[IndexRow], plan: _Plan, work: WorkDir, executor: Executor, label: str) -> dict[str, Path]:
    """Shards of some videos."""
    if not rows:
        return {}
    tasks = {row.video_id: plan.task(row) for row in rows}
    keys = {name: item_key(video=name, total=task.total, made=task.made.as_json()) for name, task in tasks.items()}
    return run_items(work, keys, sample_video, tasks, executor, label, give_up_video)


def sample_video(task: FramesTask, path: Path) -> None:
    """Write the shard of one video: its sampled frames as they are decoded, then a note with its status."""
    write_shard(path, _members(task))


def give_up_video(task: FramesTask, path: Path, reason: str) -> None:
    """Write the shard of a video that cannot be decoded: a note alone."""
    write_shard(path, [Note(task.video_id, asdict(VideoFacts(Status.UNREADABLE, reason)), task.made)])


def _members(task: FramesTask) -> Iterator[tuple[str, bytes] | Note]:
    _check_unchanged(task)
    found, size = 0, (0, 0)
    try:
        with open_source(Path(task.path)) as opened:
            numbers = _frame_numbers(task, opened.frame_count)
            for number, rgb in opened.frames(number for number in numbers if number < opened.frame_count):
                yield f"{task.video_id}/{number:06d}.png", encode_png(rgb)
                found, size = found + 1, (rgb.shape[1], rgb.shape[0])
            facts = _facts(task, opened, found, numbers, size)
    except UndecodableError as error:
        facts = VideoFacts(Status.UNREADABLE, str(error))
    yield Note(task.video_id, asdict(facts), task.made)


def _check_unchanged(task: FramesTask) -> None:
    """Refuse a file that the index knows otherwise: what is missing here may be a folder that is not mounted, and no broken video."""
    if task.size_bytes is None:
        return
    try:
        same = size_of(Path(task.path)) == task.size_bytes
    except OSError:
        same = False
    if not same:
        raise LaanetError(
            f"{task.path}: is not there any more, or not as the index knows it; check that its folder is mounted and run again."
        )


def _frame_numbers(task: FramesTask, total: int) -> list[int]:
    """Which frames to ask for: the source's where it is known."""
    return sorted({number for count in task.counts for number in select_frames(task.total or total, count)})


def _facts(task: FramesTask, opened: FrameSource, found: int, numbers: Sequence[int], size: tuple[int, int]) -> VideoFacts:
    """The note of a video of which `found` frames of those asked for were decoded."""
    total = opened.frame_count
    asked, beyond = len(numbers), sum(number >= total for number in numbers)
    if total == 0 or (asked and not found):
        return VideoFacts(Status.UNREADABLE, f"none of its {total} frames can be decoded", 0, total)
    minimum = min(task.minimum, total) if Path(task.path).suffix.lower() in IMAGE_SUFFIXES else task.minimum
    if found < minimum:
        reason = f"{found} of {asked} sampled frames can be decoded; at least {minimum} are needed (frames.minimum)"
        return VideoFacts(Status.TOO_FEW_FRAMES, reason, 0, total, *size)
    lost = asked - beyond - found
    reasons = [f"{lost} of {asked} sampled frames cannot be decoded"] if lost else []
    reasons += [f"{beyond} of {asked} frames of its source lie beyond its end"] if beyond else []
    return VideoFacts(Status.OK, "; ".join(reasons), found, total, *size)


def _publish(video_id: str, note: Mapping[str, Any], item: Path, out: Path) -> Mapping[str, Any]:
    """Link a finished video into the output and give its row of videos.csv."""
    usable = note["status"] == Status.OK
    if usable:
        link_item(item, output_path(out, video_id, ".tar"))
    return {**note, "video_id": video_id, "digest": note[DIGEST] if usable else ""}
