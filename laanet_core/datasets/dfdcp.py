"""DFDC Preview (Dolhansky et al., 2019), which the paper calls DFDC: dataset.json beside its folders of videos."""

from __future__ import annotations

from pathlib import Path

from laanet_core.datasets.entry import Entry, inside, read_json_table, stem
from laanet_core.errors import LaanetError
from laanet_core.params import DatasetParams, Split

TREE = "dataset.json, original_videos/, method_A/ and method_B/"
TABLE = "dataset.json"
SPLITS: dict[object, Split] = {"train": "train", "test": "test"}


def find(root: Path, params: DatasetParams) -> list[Entry]:
    """Records of dataset.json. It names the target's actor, who is seen in a real video, not the pristine video: no fake has a source.

    Raises LaanetError when the file is missing or a label or set is unknown.
    """
    entries = []
    for name, record in sorted(read_json_table(root / TABLE).items()):
        where = f"{root / TABLE}, record {name!r}"
        path = inside(root, name, where)
        label, split = record.get("label"), record.get("set")
        if label not in {"real", "fake"} or split not in SPLITS:
            raise LaanetError(f"{where}: label {label!r} and set {split!r}; they should be real or fake, and train or test.")
        method = path.partition("/")[0] if label == "fake" else "real"
        actor = record.get("target_id")
        person = str(actor) if label == "real" and actor is not None else ""
        entries.append(Entry(stem(path), path, int(label == "fake"), method, SPLITS[split], person=person))
    return entries
