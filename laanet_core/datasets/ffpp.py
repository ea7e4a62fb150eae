"""FaceForensics++ (Roessler et al., 2019), in the folder layout of its download script."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from laanet_core.datasets.entry import Layout, LayoutEntry
from laanet_core.datasets.files import read_json, videos_under
from laanet_core.errors import LaanetError
from laanet_core.params import DatasetParams, Split

METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures")
TREE = (
    "original_sequences/youtube/<compression>/videos/000.mp4, manipulated_sequences/{Deepfakes,Face2Face,FaceSwap,NeuralTextures}/"
    "<compression>/videos/000_003.mp4 and splits/{train,val,test}.json; <compression> is c23, c40, or raw for c0"
)
PUBLISHED = {"train real": 720, "train fake": 2880, "val real": 140, "val fake": 560, "test real": 140, "test fake": 560}


def find(root: Path, params: DatasetParams) -> list[LayoutEntry]:
    """List the videos of one compression by the official lists: a pair (a, b) means `youtube/a`, `youtube/b`, and `a_b`, `b_a` per method.

    The source of fake `a_b` is `youtube/a`. Raises LaanetError if a list is missing or malformed, or a video is in no list.
    """
    pairs = read_splits(root / "splits")
    reals = {name: split for pair, split in pairs.items() for name in pair}
    fakes = {name: split for (one, two), split in pairs.items() for name in (f"{one}_{two}", f"{two}_{one}")}
    entries = _entries(root, "original_sequences/youtube", reals, params.compression)
    for method in METHODS:
        entries += _entries(root, f"manipulated_sequences/{method}", fakes, params.compression)
    return entries


def _entries(root: Path, sequences: str, names: dict[str, Split], compression: str) -> list[LayoutEntry]:
    """List the videos of one kind: those that exist, then those in `names` that do not."""
    method, folder = sequences.partition("/")[2], sequence_folder(root, sequences, compression)
    existing = [f"{folder}/{path}" for path in videos_under(root / folder)]
    existing_names = {Path(path).stem for path in existing}
    entries = []
    for path in [*existing, *(f"{folder}/{name}.mp4" for name in names if name not in existing_names)]:
        name = Path(path).stem
        if name not in names:
            raise LaanetError(f"{root / path}: video {name} is not in any list in {root / 'splits'}; restore the official lists.")
        label = int(method in METHODS)
        source = f"youtube/{name.partition('_')[0]}" if label else ""
        entries.append(LayoutEntry(f"{method}/{name}", path, label, method if label else "real", names[name], compression, source))
    return entries


def read_splits(folder: Path) -> dict[tuple[str, str], Split]:
    """Read the lists: pair of ids -> split; raises LaanetError for a missing or malformed list, or an id in two pairs."""
    splits: dict[tuple[str, str], Split] = {}
    seen: set[str] = set()
    for split in get_args(Split):
        path = folder / f"{split}.json"
        for pair in _read_pairs(path):
            for name in pair:
                if name in seen:
                    raise LaanetError(f"{path}: video {name} is in two pairs, of this or several lists; restore the official lists.")
                seen.add(name)
            splits[pair] = split
    return splits


def _read_pairs(path: Path) -> list[tuple[str, str]]:
    """Read the pairs of one list; raises LaanetError if it is malformed."""
    loaded = read_json(path, TREE)
    if not isinstance(loaded, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in loaded):
        raise LaanetError(f"{path}: is not a list of pairs of ids; restore the official list.")
    for name in (name for pair in loaded for name in pair):
        if not isinstance(name, str) or not name.isalnum():
            raise LaanetError(f"{path}: found {name!r}, but an id has only letters and digits, such as '000'; restore the official list.")
    return [(one, two) for one, two in loaded]


def sequence_folder(root: Path, sequences: str, compression: str) -> str:
    """Return the folder, relative to the root, of one kind and compression of videos; for c0, `raw` unless a folder `c0` exists."""
    name = "raw" if compression == "c0" and not (root / sequences / "c0" / "videos").is_dir() else compression
    return f"{sequences}/{name}/videos"


LAYOUT = Layout(find, TREE, published=PUBLISHED)
