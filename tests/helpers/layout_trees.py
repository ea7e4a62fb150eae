"""Folders with the names of real data sets and files of a few bytes, and their indexes in brief."""

from __future__ import annotations

import json
from pathlib import Path

from laanet_core.datasets.index import IndexRow
from laanet_core.datasets.layouts import build_index
from laanet_core.params import DatasetParams

METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures")


def plant(root: Path, *paths: str) -> None:
    """Write files whose content is their path."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)


def build(root: Path, name: str, **params: object) -> dict[str, IndexRow]:
    """Index of a folder, by video id."""
    rows = build_index(name, DatasetParams.model_validate({"root": str(root), **params}), root.parent / "cache")
    return {row.video_id: row for row in rows}


def brief(rows: dict[str, IndexRow]) -> dict[str, tuple[int, str, str, str]]:
    """Label, method, split, source of every row."""
    return {name: (row.label, row.method, row.split, row.source_id) for name, row in rows.items()}


def there(rows: dict[str, IndexRow]) -> dict[str, IndexRow]:
    """The rows whose file exists."""
    return {name: row for name, row in rows.items() if row.digest}


def persons(rows: dict[str, IndexRow]) -> dict[str, str]:
    """Return the person of every row in which it differs from the video_id."""
    return {name: row.person for name, row in rows.items() if row.person != row.video_id}


def plant_ffpp(root: Path) -> None:
    """Two pairs of FaceForensics++, in two compressions, many of its videos missing."""
    (root / "splits").mkdir()
    for split, pairs in {"train": [["000", "003"]], "val": [["010", "011"]], "test": []}.items():
        (root / f"splits/{split}.json").write_text(json.dumps(pairs))
    plant(root, *(f"original_sequences/youtube/c23/videos/{name}.mp4" for name in ("000", "003", "010")))
    plant(root, *(f"manipulated_sequences/{method}/c23/videos/000_003.mp4" for method in ("Deepfakes", "FaceSwap")))
    plant(root, "manipulated_sequences/NeuralTextures/c23/videos/011_010.mp4", "original_sequences/youtube/raw/videos/000.mp4")


def plant_complete_ffpp(root: Path, compression: str) -> None:
    """All 5,000 videos of a compression and lists of the official sizes, 360, 70 and 70 pairs."""
    ids = [f"{number:03d}" for number in range(1000)]
    pairs = [ids[start : start + 2] for start in range(0, 1000, 2)]
    (root / "splits").mkdir(parents=True)
    for split, part in {"train": pairs[:360], "val": pairs[360:430], "test": pairs[430:]}.items():
        (root / f"splits/{split}.json").write_text(json.dumps(part))
    plant(root, *(f"original_sequences/youtube/{compression}/videos/{name}.mp4" for name in ids))
    fakes = [f"{one}_{two}" for pair in pairs for one, two in (pair, reversed(pair))]
    plant(root, *(f"manipulated_sequences/{method}/{compression}/videos/{name}.mp4" for method in METHODS for name in fakes))


def plant_complete_cdf2(root: Path) -> None:
    """The 518 videos of a test list of the official size, without the sources of its fakes."""
    paths = [f"YouTube-real/{number:05d}.mp4" for number in range(70)]
    paths += [f"Celeb-real/id{number}_0000.mp4" for number in range(108)]
    paths += [f"Celeb-synthesis/id{number}_id{number + 1}_0001.mp4" for number in range(340)]
    plant(root, *paths)
    (root / "List_of_testing_videos.txt").write_text("".join(f"{int('real' in path)} {path}\n" for path in paths))


def plant_complete_dfd(root: Path) -> None:
    """363 real and 3,068 fake videos in c40."""
    plant(root, *(f"original_sequences/actors/c40/videos/{n % 28:02d}__scene{n}.mp4" for n in range(363)))
    fakes = (f"{n % 28:02d}_{(n + 1) % 28:02d}__scene{n % 363}__HASH{n}.mp4" for n in range(3068))
    plant(root, *(f"manipulated_sequences/DeepFakeDetection/c40/videos/{name}" for name in fakes))


def plant_dfw(root: Path, sequences: int) -> None:
    """Write `sequences` sequences of one frame, distributed over the four folders."""
    for number in range(sequences):
        plant(root, f"{('real', 'fake')[number % 2]}_{('train', 'test')[number // 2 % 2]}/{number % 50}/{number}/0.png")
