"""FaceForensics++ (Roessler et al., 2019), in the folders of its own download script."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from laanet_core.datasets.entry import Entry, read_json, videos_under
from laanet_core.errors import LaanetError
from laanet_core.params import DatasetParams, Split

METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures")
TREE = (
    "original_sequences/youtube/<compression>/videos/000.mp4, manipulated_sequences/{Deepfakes,Face2Face,FaceSwap,NeuralTextures}/"
    "<compression>/videos/000_003.mp4 and splits/{train,val,test}.json; <compression> is c23, c40, or raw for c0"
)


def find(root: Path, params: DatasetParams) -> list[Entry]:
    """Videos of one compression; the fake `a_b` was made from `youtube/a`; splits are the official lists of pairs.

    Raises LaanetError when the folders or the lists are missing, or a video is in none of the lists.
    """
    splits = read_splits(root / "splits")
    entries = []
    for sequences in ["original_sequences/youtube", *(f"manipulated_sequences/{method}" for method in METHODS)]:
        method = sequences.partition("/")[2]
        for path in sequence_videos(root, sequences, params.compression):
            name = Path(path).stem
            target = name.partition("_")[0]
            if target not in splits:
                raise LaanetError(f"{root / path}: video {target} is in no list of {root / 'splits'}; restore the official lists.")
            label, source = (1, f"youtube/{target}") if method in METHODS else (0, "")
            kind = method if label else "real"
            entries.append(Entry(f"{method}/{name}", path, label, kind, splits[target], params.compression, source))
    return entries


def read_splits(folder: Path) -> dict[str, Split]:
    """Id of a pristine video -> its split, from lists of id pairs; raises LaanetError for a missing or malformed list."""
    splits: dict[str, Split] = {}
    for split in get_args(Split):
        pairs = read_json(folder / f"{split}.json")
        if not isinstance(pairs, list) or not all(isinstance(pair, list) for pair in pairs):
            raise LaanetError(f"{folder / f'{split}.json'}: is no list of pairs of ids; restore the official list.")
        splits |= {str(name): split for pair in pairs for name in pair}
    return splits


def sequence_videos(root: Path, sequences: str, compression: str) -> Iterator[str]:
    """Paths, relative to the root, of the videos of one kind and compression; `raw` is another name of c0."""
    for name in [compression, *(["raw"] if compression == "c0" else [])]:
        folder = f"{sequences}/{name}/videos"
        if (root / folder).is_dir():
            return (f"{folder}/{path}" for path in videos_under(root / folder))
    return iter(())
