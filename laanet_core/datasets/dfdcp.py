"""DFDC Preview (Dolhansky et al., 2019), which the paper calls DFDC: dataset.json next to folders of videos."""

from __future__ import annotations

from pathlib import Path

from laanet_core.datasets.entry import Layout, LayoutEntry, stem
from laanet_core.datasets.files import inside, read_json_table
from laanet_core.errors import LaanetError
from laanet_core.params import DatasetParams, Split

TREE = "dataset.json, original_videos/, method_A/ and method_B/"
TABLE = "dataset.json"


def find(root: Path, params: DatasetParams) -> list[LayoutEntry]:
    """List the videos in dataset.json. Fakes have no source, because the file names only the target's actor; that is a real video's person.

    Raises LaanetError if the file is missing or a label or set is unknown.
    """
    entries = []
    for name, record in sorted(read_json_table(root / TABLE, TREE).items()):
        where = f"{root / TABLE}, record {name!r}"
        path = inside(root, name, where)
        label, group = record.get("label"), record.get("set")
        if label not in ("real", "fake") or group not in ("train", "test"):
            raise LaanetError(f"{where}: label {label!r} and set {group!r}; they should be real or fake, and train or test.")
        split: Split = "train" if group == "train" else "test"
        method = path.partition("/")[0] if label == "fake" else "real"
        actor = record.get("target_id")
        person = str(actor) if label == "real" and actor is not None else ""
        entries.append(LayoutEntry(stem(path), path, int(label == "fake"), method, split, person=person))
    return entries


LAYOUT = Layout(find, TREE, selective=True)
