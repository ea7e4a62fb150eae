"""Face crops in folders, listed by a JSON file of DeepfakeBench (Yan et al., 2023), in the form that its documentation gives.

`{data set: {label: {split: {video: {"label": label, "frames": [path, ...]}}}}}`, with the compression between split and video for some.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from laanet_core.datasets.entry import Entry, Layout
from laanet_core.datasets.ffpp import METHODS
from laanet_core.datasets.files import inside, read_json
from laanet_core.errors import LaanetError
from laanet_core.params import DatasetParams, Split

TREE = "the folders of images that the JSON list names (listing), as <data set>/**/frames/<video>/<frame>.png"
SPLITS: tuple[Split, ...] = ("test", "val", "train")
"""In the order in which they claim a video that is listed in several: one that is tested is never learnt from."""
LEVELS = {"c0": ("c0", "raw"), "c23": ("c23",), "c40": ("c40",)}
FAKES = {"FF-DF", "FF-F2F", "FF-FS", "FF-NT", "FF-SH", "FF-FH", "FaceShifter", *METHODS}


@dataclass(frozen=True)
class Record:
    """One video of the list. where: its place, for errors; folder: of its frames, as the list has it, or empty without frames."""

    where: str
    dataset: str
    label: str
    split: Split
    compression: str
    video: str
    folder: str


def find(root: Path, params: DatasetParams) -> list[Entry]:
    """Listed videos, once each: one of several splits is of test before val before train. No fake has a source: crops are not aligned.

    A video without frames in the list is an entry at `<label>/<video>`, where nothing is. Raises LaanetError when the list is missing or
    not of the form above, a label is neither real nor fake, or a video's frames lie in several folders.
    """
    if params.listing is None:
        raise LaanetError(f"{root}: a DeepfakeBench data set needs its JSON list; set listing to that file, absolute or relative to root.")
    entries: dict[str, Entry] = {}
    for record in sorted(_records(root / params.listing, params.compression), key=lambda record: SPLITS.index(record.split)):
        entry = _entry(root, record)
        known = entries.setdefault(entry.video_id, entry)
        if known.label != entry.label:
            raise LaanetError(f"{record.where}: its frames are those of a video with the other label, {known.path}; mend the list.")
    return list(entries.values())


def label_of(label: str, where: str) -> int:
    """0 for a label whose last word is `real` (`FF-real`, `DFDCP_Real`), 1 for `...fake...` and known methods; raises LaanetError else."""
    if re.split("[-_]", label)[-1].lower() == "real":
        return 0
    if "fake" in label.lower() or label in FAKES:
        return 1
    raise LaanetError(f"{where}: label '{label}' tells neither real nor fake; rename it in the list so that it ends in _real or _fake.")


def _records(path: Path, compression: str) -> Iterator[Record]:
    """The records of a list, in its order."""
    for dataset, labels in _table(read_json(path, TREE), str(path)).items():
        for label, splits in _table(labels, f"{path}, {dataset}").items():
            for name, group in _table(splits, f"{path}, {dataset}, {label}").items():
                where = f"{path}, {dataset}, {label}, {name}"
                split = _split(name, where)
                level, videos = _chosen(_table(group, where), compression, where)
                for video, facts in _table(videos, where).items():
                    folder = _folder(_table(facts, f"{where}, {video!r}"), label, f"{where}, {video!r}")
                    yield Record(f"{where}, {video!r}", dataset, label, split, level, video, folder)


def _table(value: object, where: str) -> dict[str, Any]:
    """A JSON object; raises LaanetError for another value."""
    if not isinstance(value, dict):
        raise LaanetError(f"{where}: found {str(value)[:40]!r} where names are mapped to records; download the list again.")
    return value


def _split(name: str, where: str) -> Split:
    """A split by its name; raises LaanetError for another one."""
    if name not in SPLITS:
        raise LaanetError(f"{where}: '{name}' is no split; a list has train, val and test.")
    return SPLITS[SPLITS.index(name)]


def _chosen(group: dict[str, Any], compression: str, where: str) -> tuple[str, Any]:
    """(compression, videos) of a split; where it has levels of compression, the one asked for, and LaanetError when that is not there."""
    if not group or not all(any(name in names for names in LEVELS.values()) for name in group):
        return "", group
    for name in LEVELS[compression]:
        if name in group:
            return compression, group[name]
    raise LaanetError(f"{where}: has no compression {compression}, only {', '.join(group)}; set compression to one of them.")


def _folder(facts: dict[str, Any], label: str, where: str) -> str:
    """The folder of a video's frames as the list has it, or empty without frames; raises LaanetError for facts not of the form."""
    frames, own = facts.get("frames"), str(facts.get("label", label))
    if not isinstance(frames, list) or not all(isinstance(frame, str) for frame in frames):
        raise LaanetError(f"{where}: has no list of frames' paths; download the list again.")
    if label_of(own, where) != label_of(label, where):
        raise LaanetError(f"{where}: its label is '{own}', and it stands under '{label}'; mend the list.")
    folders = sorted({frame.replace("\\", "/").rpartition("/")[0] for frame in frames})
    if "" in folders:
        raise LaanetError(f"{where}: its frames lie in no folder of their own; list paths such as <data set>/frames/<video>/000.png.")
    if len(folders) > 1:
        raise LaanetError(f"{where}: its frames lie in several folders, {folders[0]} and {folders[1]}; list one folder a video.")
    return folders[0] if folders else ""


def _entry(root: Path, record: Record) -> Entry:
    """A record's entry; its folder, which no two videos share, is its id."""
    found = under_root(root, record.folder, record.dataset) if record.folder else f"{record.label}/{record.video}"
    path = inside(root, found, record.where)
    label = label_of(record.label, record.where)
    return Entry(path, path, label, record.label if label else "real", record.split, record.compression)


def under_root(root: Path, folder: str, dataset: str) -> str:
    """Where a listed folder lies, relative to the root.

    A relative one as it is, or with the data set's name put before it or taken off; an absolute one, of the makers' machine, by what
    follows the first of its folders that is there under the root. The whole folder should be there; else as much as is there counts.
    """
    parts = [part for part in folder.split("/") if part not in {"", "."}]
    if folder.startswith("/") or folder[1:2] == ":":
        places = [parts[start:] for start in range(len(parts))]
    else:
        places = [parts, *([parts[1:]] if parts[0] in {dataset, root.name} else []), [dataset, *parts]]
    for depth in (None, 1):
        for place in places:
            if place and os.path.isdir(root.joinpath(*place[:depth])):  # noqa: PTH112 -- Path's raises for a name that is too long
                return "/".join(place)
    return "/".join(parts)


LAYOUT = Layout(find, TREE, cropped=True)
