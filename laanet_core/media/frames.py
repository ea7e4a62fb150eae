"""The frames stage: evenly spaced frames of every video, lossless, one tar shard per video."""

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
from laanet_core.media.decoding.source import open_source
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
    """Facts in the note of a video's shard. n_frames: number in the shard; frame_count: number in the file; width, height: in pixels."""

    status: Status
    reason: str = ""
    n_frames: int = 0
    frame_count: int = 0
    width: int = 0
    height: int = 0


@dataclass(frozen=True)
class FramesTask:
    """Sample one video.

    size_bytes: size of its file when it was indexed, None if it could not be read then; total: for a fake, number of frames of its source
    video, whose frame numbers it uses, None for its own number of frames; counts: how many frames to sample, for the video's own split
    and, for a source video, for the splits of its fakes; made: the account of the shard.
    """

    video_id: str
    path: str
    size_bytes: int | None
    total: int | None
    counts: tuple[int, ...]
    minimum: int
    made: Account


def extract_frames(rows: list[IndexRow], root: Path, out: Path, params: FramesParams, work: WorkDir, executor: Executor) -> str:
    """Sample every video of an index into `out`: one tar per video and videos.csv; returns the summary line.

    rows: the index; root: folder to which their paths are relative. A fake is sampled at the frame numbers of its source, as far as it
    has them, so that both can be compared frame by frame; without a readable source it is sampled by its own length. Raises LaanetError
    if a file is missing or its size has changed since it was indexed.
    """
    sources = [row for row in rows if not row.source_id]
    fakes = [row for row in rows if row.source_id]
    splits: dict[str, set[str]] = {row.video_id: {row.split} for row in rows}
    for fake in fakes:
        splits.setdefault(fake.source_id, set()).add(fake.split)
    counts = {video_id: tuple(sorted({params.count[split] for split in names})) for video_id, names in splits.items()}  # type: ignore[index]
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
    """Makes the tasks of videos.

    root: folder of the videos; minimum: see frames.minimum; counts: see `FramesTask`; code: key of the sampling code; totals: number of
    frames of each source.
    """

    root: Path
    minimum: int
    counts: Mapping[str, tuple[int, ...]]
    code: str
    totals: Mapping[str, int] = field(default_factory=dict)

    def task(self, row: IndexRow) -> FramesTask:
        """The task for one video of the index."""
        size = row.size_bytes if row.digest else None
        path, total = str((self.root / row.path).absolute()), self.totals.get(row.source_id) or None
        counts = self.counts[row.video_id]
        made = Account({"frames.count": list(counts), "frames.minimum": self.minimum}, {"video": row.digest}, self.code)
        return FramesTask(row.video_id, path, size, total, counts, self.minimum, made)


def _sample(rows: Sequence[IndexRow], plan: _Plan, work: WorkDir, executor: Executor, label: str) -> dict[str, Path]:
    """Sample the given videos: video_id -> its shard."""
    if not rows:
        return {}
    tasks = {row.video_id: plan.task(row) for row in rows}
    keys = {name: item_key(video=name, total=task.total, made=task.made.as_json()) for name, task in tasks.items()}
    return run_items(work, keys, sample_video, tasks, executor, label, give_up_video)


def sample_video(task: FramesTask, path: Path) -> None:
    """Write the shard of one video: its sampled frames as they are decoded, then a note with its status."""
    write_shard(path, _members(task))


def give_up_video(task: FramesTask, path: Path, reason: str) -> None:
    """Write the shard of a video on which the worker failed: only a note with the reason."""
    write_shard(path, [Note(task.video_id, asdict(VideoFacts(Status.UNREADABLE, reason)), task.made)])


def _members(task: FramesTask) -> Iterator[tuple[str, bytes] | Note]:
    _check_unchanged(task)
    decoded, size = 0, (0, 0)
    try:
        with open_source(Path(task.path)) as source:
            numbers = _frame_numbers(task, source.frame_count)
            for number, rgb in source.frames(number for number in numbers if number < source.frame_count):
                yield f"{task.video_id}/{number:06d}.png", encode_png(rgb)
                decoded, size = decoded + 1, (rgb.shape[1], rgb.shape[0])
            facts = _facts(task, source.frame_count, numbers, decoded, size)
    except UndecodableError as error:
        facts = VideoFacts(Status.UNREADABLE, str(error))
    yield Note(task.video_id, asdict(facts), task.made)


def _check_unchanged(task: FramesTask) -> None:
    """Raise LaanetError if the file differs from the index: the folder may not be mounted, so the video must not count as unreadable."""
    if task.size_bytes is None:
        return
    try:
        same = size_of(Path(task.path)) == task.size_bytes
    except OSError:
        same = False
    if not same:
        raise LaanetError(f"{task.path}: missing, or its size differs from the index; check that its folder is mounted, then run again.")


def _frame_numbers(task: FramesTask, total: int) -> list[int]:
    """Numbers of the frames to sample: those of the source if its number of frames is known, else the video's own."""
    return sorted({number for count in task.counts for number in select_frames(task.total or total, count)})


def _facts(task: FramesTask, total: int, numbers: Sequence[int], decoded: int, size: tuple[int, int]) -> VideoFacts:
    """Facts of a video with `total` frames, of which `decoded` of the requested `numbers` were decoded with a size (width, height)."""
    requested, beyond = len(numbers), sum(number >= total for number in numbers)
    if total == 0 or (requested and not decoded):
        return VideoFacts(Status.UNREADABLE, f"none of its {total} frames can be decoded", 0, total)
    minimum = min(task.minimum, total) if Path(task.path).suffix.lower() in IMAGE_SUFFIXES else task.minimum
    if decoded < minimum:
        reason = f"{decoded} of {requested} sampled frames can be decoded; at least {minimum} are needed (frames.minimum)"
        return VideoFacts(Status.TOO_FEW_FRAMES, reason, 0, total, *size)
    lost = requested - beyond - decoded
    reasons = [f"{lost} of {requested} sampled frames cannot be decoded"] if lost else []
    reasons += [f"{beyond} of {requested} frames sampled from its source are beyond its end"] if beyond else []
    return VideoFacts(Status.OK, "; ".join(reasons), decoded, total, *size)


def _publish(video_id: str, note: Mapping[str, Any], item: Path, out: Path) -> Mapping[str, Any]:
    """Link the shard of a usable video into the output; returns its row of videos.csv."""
    usable = note["status"] == Status.OK
    if usable:
        link_item(item, output_path(out, video_id, ".tar"))
    return {**note, "video_id": video_id, "digest": note[DIGEST] if usable else ""}
