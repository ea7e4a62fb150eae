"""Matching of the score files of several detectors: videos that all scored, videos that some lack, and their joined metadata."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from laanet_core.errors import LaanetError
from laanet_core.reporting.comparison.score_files import ScoreFile
from laanet_core.status import Status
from laanet_core.text import counted

CLASSES = ("real", "fake")
SAME_SSIM = 1e-3
"""Mask-SSIM values that differ by at most this are regarded as equal; results of two machines may differ by rounding."""


class Video(NamedTuple):
    """A video that every detector scored. label: 1 fake, 0 real; other fields: from the first file that has a value."""

    video_id: str
    label: int
    method: str
    mask_ssim: float | None
    bin: str
    split: str


class Unmatched(NamedTuple):
    """A video that is not compared. detector: whose score is missing; why: `absent` from its file, or `not scored`, with its status."""

    video_id: str
    detector: str
    why: str
    status: str


@dataclass(frozen=True)
class Matched:
    """k detectors on the n videos that all of them scored. videos: sorted by video_id; scores: (k, n); bins: names of all bins in the
    files."""

    files: dict[str, ScoreFile]
    videos: list[Video]
    scores: NDArray[np.float64]
    bins: list[str]
    unmatched: list[Unmatched]
    notes: list[str]

    @property
    def labels(self) -> NDArray[np.int64]:
        """Label of each video, (n,)."""
        return np.array([video.label for video in self.videos], np.int64)

    def lacking(self, detector: str) -> list[Unmatched]:
        """The videos without a score of this detector."""
        return [item for item in self.unmatched if item.detector == detector]


def match(files: Mapping[str, ScoreFile]) -> Matched:
    """Match the videos of several detectors; files: scores by name of the detector.

    Raises LaanetError if no video was scored by all, and if labels are missing or contradict each other.
    """
    union = sorted({video_id for file in files.values() for video_id in file.videos})
    unmatched = [item for video_id in union for name, file in files.items() if (item := _unmatched(video_id, name, file)) is not None]
    incomplete = {item.video_id for item in unmatched}
    shared = [video_id for video_id in union if video_id not in incomplete]
    if not shared:
        raise LaanetError(_nothing_shared(files))
    videos = [_video(video_id, label, files) for video_id, label in _labels(shared, files).items()]
    scores = np.array([[file.videos[video_id].score for video_id in shared] for file in files.values()], np.float64)
    bins = {_first_word("bin", video_id, files) for video_id in union} - {""}
    return Matched(dict(files), videos, scores, sorted(bins), unmatched, [*_disagreements(shared, files), *_mixed_splits(videos)])


def _labels(shared: Sequence[str], files: Mapping[str, ScoreFile]) -> dict[str, int]:
    """Label of each video, from the first file that has one; raises LaanetError if two files differ or no file has a label."""
    for first, second in combinations(files.values(), 2):
        _check_agreement(first, second)
    labels: dict[str, int] = {}
    for video_id in shared:
        candidates = [label for file in files.values() if (label := file.videos[video_id].label) is not None]
        if not candidates:
            sources = ", ".join(file.source for file in files.values())
            raise LaanetError(f"{sources}: no file has a label for '{video_id}'; one of them must have a column label (0 real, 1 fake).")
        labels[video_id] = candidates[0]
    return labels


def _check_agreement(first: ScoreFile, second: ScoreFile) -> None:
    both = sorted(first.videos.keys() & second.videos.keys())
    labels = {video_id: (first.videos[video_id].label, second.videos[video_id].label) for video_id in both}
    wrong = [video_id for video_id, (ours, theirs) in labels.items() if None not in (ours, theirs) and ours != theirs]
    if wrong:
        ours, theirs = (CLASSES[label or 0] for label in labels[wrong[0]])
        count = "1 video" if len(wrong) == 1 else f"{len(wrong)} videos"
        example = f"'{wrong[0]}' is {ours} in the first and {theirs} in the second"
        raise LaanetError(f"{first.source} and {second.source}: labels differ for {count}, {example}; fix one of the files.")


def _unmatched(video_id: str, name: str, file: ScoreFile) -> Unmatched | None:
    """Why a detector has no score for a video; None if it has one."""
    video = file.videos.get(video_id)
    if video is None:
        return Unmatched(video_id, name, "absent", "")
    return Unmatched(video_id, name, "not scored", "" if video.status == Status.OK else video.status) if video.score is None else None


def _nothing_shared(files: Mapping[str, ScoreFile]) -> str:
    sources = ", ".join(file.source for file in files.values())
    examples = ", ".join(f"'{min(file.videos)}' in {file.source}" for file in files.values())
    return f"{sources}: no video has a score in all of these files; check that they use the same video_id ({examples})."


def _video(video_id: str, label: int, files: Mapping[str, ScoreFile]) -> Video:
    """A video that all files have, each field from the first file with a value."""
    rows = [file.videos[video_id] for file in files.values()]
    method, name, split = (_first_word(field, video_id, files) for field in ("method", "bin", "split"))
    mask_ssim = next((row.mask_ssim for row in rows if row.mask_ssim is not None), None)
    return Video(video_id, label, method, mask_ssim, name, split)


def _first_word(field: Literal["method", "bin", "split"], video_id: str, files: Mapping[str, ScoreFile]) -> str:
    """A field of a video from the first file that has a value, or an empty text."""
    words = (getattr(file.videos[video_id], field) for file in files.values() if video_id in file.videos)
    return next(filter(None, words), "")


def _disagreements(shared: Sequence[str], files: Mapping[str, ScoreFile]) -> list[str]:
    """Notes on metadata of the same video that differs between files."""
    rows = [[file.videos[video_id] for file in files.values()] for video_id in shared]
    similarities = ([row.mask_ssim for row in videos if row.mask_ssim is not None] for videos in rows)
    counts = {
        "method": sum(len({row.method for row in videos} - {""}) > 1 for videos in rows),
        "bin": sum(len({row.bin for row in videos} - {""}) > 1 for videos in rows),
        "Mask-SSIM": sum(max(values, default=0) - min(values, default=0) > SAME_SSIM for values in similarities),
    }
    return [
        f"{name}: the files differ for {counted(count, 'video')}; the value of the first file that has one is used"
        for name, count in counts.items()
        if count
    ]


def _mixed_splits(videos: Sequence[Video]) -> list[str]:
    counts = Counter(video.split for video in videos)
    numbers = ", ".join(f"{count} {split or 'without a split'}" for split, count in sorted(counts.items()))
    return [f"videos of several splits are compared together: {numbers}"] if len(counts) > 1 else []
