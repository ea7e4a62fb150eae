"""Folders of face crops listed in a JSON file of DeepfakeBench (Yan et al., 2023), in the documented format.

`{data set: {label: {split: {video: {"label": label, "frames": [path, ...]}}}}}`; some data sets have a level with the compression between
split and video.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from laanet_core.datasets.entry import Layout, LayoutEntry
from laanet_core.datasets.ffpp import METHODS
from laanet_core.datasets.files import inside, read_json
from laanet_core.errors import LaanetError
from laanet_core.params import DatasetParams, Split

TREE = "the folders of images that the JSON list names (listing), as <data set>/**/frames/<video>/<frame>.png"
SPLITS: tuple[Split, ...] = ("test", "val", "train")
"""In order of precedence for a video listed in several splits: a test video is never used for training."""
LEVELS = {"c0": ("c0", "raw"), "c23": ("c23",), "c40": ("c40",)}
FAKES = {"FF-DF", "FF-F2F", "FF-FS", "FF-NT", "FF-SH", "FF-FH", "FaceShifter", *METHODS}


@dataclass(frozen=True)
class ListedVideo:
    """One video in the list. where: location in the list, for error messages; folder: listed folder of its frames, or empty."""

    where: str
    dataset: str
    label: str
    split: Split
    compression: str
    video: str
    folder: str


def find(root: Path, params: DatasetParams) -> list[LayoutEntry]:
    """List each video once; in several splits, test takes precedence over val, and val over train. Fakes have no source (crops unaligned).

    A video listed without frames becomes an entry with the non-existent path `<label>/<video>`. Raises LaanetError if the list is missing
    or malformed, a label is neither real nor fake, or the frames of a video are in several folders.
    """
    if params.listing is None:
        raise LaanetError(f"{root}: a DeepfakeBench data set needs its JSON list; set listing to that file, absolute or relative to root.")
    entries: dict[str, LayoutEntry] = {}
    for video in sorted(_listed_videos(root / params.listing, params.compression), key=lambda video: SPLITS.index(video.split)):
        entry = _entry(root, video)
        first = entries.setdefault(entry.video_id, entry)
        if first.label != entry.label:
            raise LaanetError(f"{video.where}: its folder {first.path} is also listed with the opposite label; correct the list.")
    return list(entries.values())


def label_of(label: str, where: str) -> int:
    """Return 0 for labels that end in `real` (`FF-real`, `DFDCP_Real`), 1 for `...fake...` and known methods; else raises LaanetError."""
    if re.split("[-_]", label)[-1].lower() == "real":
        return 0
    if "fake" in label.lower() or label in FAKES:
        return 1
    raise LaanetError(f"{where}: label '{label}' is neither real nor fake; rename it in the list so that it ends in _real or _fake.")


def _listed_videos(path: Path, compression: str) -> Iterator[ListedVideo]:
    """Read the videos of a list, in its order."""
    for dataset, labels in _table(read_json(path, TREE), str(path)).items():
        for label, splits in _table(labels, f"{path}, {dataset}").items():
            for name, group in _table(splits, f"{path}, {dataset}, {label}").items():
                where = f"{path}, {dataset}, {label}, {name}"
                split = _split(name, where)
                level, videos = _select_compression(_table(group, where), compression, where)
                for video, record in _table(videos, where).items():
                    folder = _folder(_table(record, f"{where}, {video!r}"), label, f"{where}, {video!r}")
                    yield ListedVideo(f"{where}, {video!r}", dataset, label, split, level, video, folder)


def _table(value: object, where: str) -> dict[str, Any]:
    """Return a JSON object unchanged; raises LaanetError for any other value."""
    if not isinstance(value, dict):
        raise LaanetError(f"{where}: expected a JSON object, found {str(value)[:40]!r}; download the list again.")
    return value


def _split(name: str, where: str) -> Split:
    """Check the name of a split; raises LaanetError for an unknown one."""
    if name not in SPLITS:
        raise LaanetError(f"{where}: '{name}' is not a split; use train, val or test.")
    return SPLITS[SPLITS.index(name)]


def _select_compression(group: dict[str, Any], compression: str, where: str) -> tuple[str, Any]:
    """Return (compression, videos) of a split; ("", all videos) if it has no compression levels, LaanetError if it lacks `compression`."""
    if not group or not all(any(name in names for names in LEVELS.values()) for name in group):
        return "", group
    for name in LEVELS[compression]:
        if name in group:
            return compression, group[name]
    raise LaanetError(f"{where}: has no compression {compression}, only {', '.join(group)}; set compression to one of them.")


def _folder(record: dict[str, Any], label: str, where: str) -> str:
    """Return the folder of a video's frames as listed, empty without frames; raises LaanetError if the record is malformed."""
    frames, own_label = record.get("frames"), str(record.get("label", label))
    if not isinstance(frames, list) or not all(isinstance(frame, str) for frame in frames):
        raise LaanetError(f"{where}: has no list of frame paths; download the list again.")
    if label_of(own_label, where) != label_of(label, where):
        raise LaanetError(f"{where}: its label is '{own_label}', but it is listed under '{label}'; correct the list.")
    folders = sorted({frame.replace("\\", "/").rpartition("/")[0] for frame in frames})
    if "" in folders:
        raise LaanetError(f"{where}: its frames are not in a folder; list paths such as <data set>/frames/<video>/000.png.")
    if len(folders) > 1:
        raise LaanetError(f"{where}: its frames are in several folders, {folders[0]} and {folders[1]}; list one folder per video.")
    return folders[0] if folders else ""


def _entry(root: Path, video: ListedVideo) -> LayoutEntry:
    """Create the entry of a listed video; its id is its folder, which is unique."""
    folder = under_root(root, video.folder, video.dataset) if video.folder else f"{video.label}/{video.video}"
    path = inside(root, folder, video.where)
    label = label_of(video.label, video.where)
    return LayoutEntry(path, path, label, video.label if label else "real", video.split, video.compression)


def under_root(root: Path, folder: str, dataset: str) -> str:
    """Locate a listed folder; returns its path relative to the root.

    A relative folder is looked up as listed, without its first part if that is the name of the data set or root, and below the data set's
    name. For an absolute one, which refers to the machine of the list's authors, leading parts are removed until it exists under the root.
    If no candidate exists, the first one whose first part exists is returned, else the listed folder.
    """
    parts = [part for part in folder.split("/") if part not in {"", "."}]
    if folder.startswith("/") or folder[1:2] == ":":
        candidates = [parts[start:] for start in range(len(parts))]
    else:
        candidates = [parts, *([parts[1:]] if parts[0] in {dataset, root.name} else []), [dataset, *parts]]
    for depth in (None, 1):
        for candidate in candidates:
            if candidate and os.path.isdir(root.joinpath(*candidate[:depth])):  # noqa: PTH112 -- Path.is_dir raises for too long names
                return "/".join(candidate)
    return "/".join(parts)


LAYOUT = Layout(find, TREE, cropped=True)
