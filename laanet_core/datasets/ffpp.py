"""FaceForensics++ (Roessler et al., 2019), in the folders of its own download script."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from laanet_core.datasets.entry import Entry, Layout
from laanet_core.datasets.files import read_json, videos_under
from laanet_core.errors import LaanetError
from laanet_core.params import DatasetParams, Split

METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures")
TREE = (
    "original_sequences/youtube/<compression>/videos/000.mp4, manipulated_sequences/{Deepfakes,Face2Face,FaceSwap,NeuralTextures}/"
    "<compression>/videos/000_003.mp4 and splits/{train,val,test}.json; <compression> is c23, c40, or raw for c0"
)
PUBLISHED = {"train real": 720, "train fake": 2880, "val real": 140, "val fake": 560, "test real": 140, "test fake": 560}


def find(root: Path, params: DatasetParams) -> list[Entry]:
    """Videos of one compression that the official lists give: of a pair (a, b), `youtube/a`, `youtube/b`, and `a_b`, `b_a` of each method.

    The fake `a_b` was made from `youtube/a`. Raises LaanetError when a list is missing or malformed, or a video is in none of them.
    """
    pairs = read_splits(root / "splits")
    reals = {name: split for pair, split in pairs.items() for name in pair}
    fakes = {name: split for (one, two), split in pairs.items() for name in (f"{one}_{two}", f"{two}_{one}")}
    entries = _entries(root, "original_sequences/youtube", reals, params.compression)
    for method in METHODS:
        entries += _entries(root, f"manipulated_sequences/{method}", fakes, params.compression)
    return entries


def _entries(root: Path, sequences: str, names: dict[str, Split], compression: str) -> list[Entry]:
    """Entries of one kind of videos: those that are there, then those of `names` that are not."""
    method, folder = sequences.partition("/")[2], sequence_folder(root, sequences, compression)
    there = [f"{folder}/{path}" for path in videos_under(root / folder)]
    found = {Path(path).stem for path in there}
    entries = []
    for path in [*there, *(f"{folder}/{name}.mp4" for name in names if name not in found)]:
        name = Path(path).stem
        if name not in names:
            raise LaanetError(f"{root / path}: video {name} is in no list of {root / 'splits'}; restore the official lists.")
        label = int(method in METHODS)
        source = f"youtube/{name.partition('_')[0]}" if label else ""
        entries.append(Entry(f"{method}/{name}", path, label, method if label else "real", names[name], compression, source))
    return entries


def read_splits(folder: Path) -> dict[tuple[str, str], Split]:
    """Pair of ids -> its split; raises LaanetError for a missing or malformed list, or an id that stands in two pairs."""
    splits: dict[tuple[str, str], Split] = {}
    seen: set[str] = set()
    for split in get_args(Split):
        path = folder / f"{split}.json"
        for pair in _read_pairs(path):
            for name in pair:
                if name in seen:
                    raise LaanetError(f"{path}: video {name} is in another pair too, here or in another list; restore the official lists.")
                seen.add(name)
            splits[pair] = split
    return splits


def _read_pairs(path: Path) -> list[tuple[str, str]]:
    """The pairs of one list; raises LaanetError where there is anything else."""
    loaded = read_json(path, TREE)
    if not isinstance(loaded, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in loaded):
        raise LaanetError(f"{path}: is no list of pairs of ids; restore the official list.")
    for name in (name for pair in loaded for name in pair):
        if not isinstance(name, str) or not name.isalnum():
            raise LaanetError(f"{path}: found {name!r}, and an id is of letters and digits, such as '000'; restore the official list.")
    return [(one, two) for one, two in loaded]


def sequence_folder(root: Path, sequences: str, compression: str) -> str:
    """Folder, relative to the root, of the videos of one kind and compression; c0 is called `raw` where no folder is called so."""
    name = "raw" if compression == "c0" and not (root / sequences / "c0" / "videos").is_dir() else compression
    return f"{sequences}/{name}/videos"


LAYOUT = Layout(find, TREE, published=PUBLISHED)
