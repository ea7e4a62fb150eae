"""The videos that several detectors scored: who lacks which, and what their files know together."""

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

CLASSES = ("real", "fake")
SAME_SSIM = 1e-3
"""Mask-SSIM of two machines may differ by so much without a remark."""


class Video(NamedTuple):
    """A video that every detector scored; label: 1 fake, 0 real; the rest as the first file that has it says."""

    video_id: str
    label: int
    method: str
    mask_ssim: float | None
    bin: str
    split: str


class Unmatched(NamedTuple):
    """Why a video of some file is not compared: detector lacks it (`absent`) or could not score it (`not scored`, with its status)."""

    video_id: str
    detector: str
    why: str
    status: str


@dataclass(frozen=True)
class Matched:
    """k detectors on the n videos that all scored, by video_id; scores (k, n); bins: names of the bins of all videos of the files."""

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
        """The videos that a detector lacks."""
        return [item for item in self.unmatched if item.detector == detector]


def match(files: Mapping[str, ScoreFile]) -> Matched:
    """Bring together the files of several detectors, by the detectors' names.

    Raises LaanetError when no video was scored by all, and when labels are missing or contradict each other.
    """
    union = sorted({video_id for file in files.values() for video_id in file.videos})
    unmatched = [item for video_id in union for name, file in files.items() for item in _lack(video_id, name, file)]
    lacking = {item.video_id for item in unmatched}
    shared = [video_id for video_id in union if video_id not in lacking]
    if not shared:
        raise LaanetError(_nothing_shared(files))
    videos = [_video(video_id, label, files) for video_id, label in _labels(shared, files).items()]
    scores = np.array([[file.videos[video_id].score for video_id in shared] for file in files.values()], np.float64)
    bins = {_first_word("bin", video_id, files) for video_id in union} - {""}
    return Matched(dict(files), videos, scores, sorted(bins), unmatched, [*_disagreements(shared, files), *_mixed_splits(videos)])


def _labels(shared: Sequence[str], files: Mapping[str, ScoreFile]) -> dict[str, int]:
    """Label of each video from the first file that has it; raises LaanetError where two files contradict each other or none says."""
    for first, second in combinations(files.values(), 2):
        _check_agreement(first, second)
    labels: dict[str, int] = {}
    for video_id in shared:
        found = [label for file in files.values() if (label := file.videos[video_id].label) is not None]
        if not found:
            sources = ", ".join(file.source for file in files.values())
            raise LaanetError(f"{sources}: none says what '{video_id}' is; one of them must have a column label (0 real, 1 fake).")
        labels[video_id] = found[0]
    return labels


def _check_agreement(first: ScoreFile, second: ScoreFile) -> None:
    both = sorted(first.videos.keys() & second.videos.keys())
    labels = {video_id: (first.videos[video_id].label, second.videos[video_id].label) for video_id in both}
    wrong = [video_id for video_id, (ours, theirs) in labels.items() if None not in (ours, theirs) and ours != theirs]
    if wrong:
        ours, theirs = (CLASSES[label or 0] for label in labels[wrong[0]])
        count = f"{len(wrong)} videos" if len(wrong) > 1 else "a video"
        words = f"'{wrong[0]}' is {ours} in the one and {theirs} in the other"
        raise LaanetError(f"{first.source} and {second.source}: labels of {count} contradict each other, {words}; mend one of them.")


def _lack(video_id: str, name: str, file: ScoreFile) -> list[Unmatched]:
    video = file.videos.get(video_id)
    if video is None:
        return [Unmatched(video_id, name, "absent", "")]
    return [Unmatched(video_id, name, "not scored", "" if video.status == Status.OK else video.status)] if video.score is None else []


def _nothing_shared(files: Mapping[str, ScoreFile]) -> str:
    sources = ", ".join(file.source for file in files.values())
    examples = ", ".join(f"'{min(file.videos)}' in {file.source}" for file in files.values())
    return f"{sources}: no video is scored in all of them; video_id must be the same ({examples})."


def _video(video_id: str, label: int, files: Mapping[str, ScoreFile]) -> Video:
    """What is known of a video that all files have, from the first that knows it."""
    rows = [file.videos[video_id] for file in files.values()]
    method, name, split = (_first_word(field, video_id, files) for field in ("method", "bin", "split"))
    mask_ssim = next((row.mask_ssim for row in rows if row.mask_ssim is not None), None)
    return Video(video_id, label, method, mask_ssim, name, split)


def _first_word(field: Literal["method", "bin", "split"], video_id: str, files: Mapping[str, ScoreFile]) -> str:
    """What the first file that says anything says of a video, or nothing."""
    words = (getattr(file.videos[video_id], field) for file in files.values() if video_id in file.videos)
    return next(filter(None, words), "")


def _disagreements(shared: Sequence[str], files: Mapping[str, ScoreFile]) -> list[str]:
    """Notes of what two files say otherwise of the same video, apart from scores and labels."""
    rows = [[file.videos[video_id] for file in files.values()] for video_id in shared]
    similarities = ([row.mask_ssim for row in videos if row.mask_ssim is not None] for videos in rows)
    counts = {
        "method": sum(len({row.method for row in videos} - {""}) > 1 for videos in rows),
        "bin": sum(len({row.bin for row in videos} - {""}) > 1 for videos in rows),
        "Mask-SSIM": sum(max(values, default=0) - min(values, default=0) > SAME_SSIM for values in similarities),
    }
    return [
        f"{name}: the files differ on {count} {'video' if count == 1 else 'videos'}; the first that has one counts"
        for name, count in counts.items()
        if count
    ]


def _mixed_splits(videos: Sequence[Video]) -> list[str]:
    counts = Counter(video.split for video in videos)
    words = ", ".join(f"{count} {split or 'without one'}" for split, count in sorted(counts.items()))
    return [f"videos of several splits are compared together: {words}"] if len(counts) > 1 else []
