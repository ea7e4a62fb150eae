"""The embedded demo data set: `demo.csv` next to its videos."""

from __future__ import annotations

from pathlib import Path

from laanet_core.datasets.csv_listing import read_listing
from laanet_core.datasets.entry import Layout, LayoutEntry
from laanet_core.errors import LaanetError
from laanet_core.params import DatasetParams

TREE = "demo.csv, {train,val,test}/real/*.mp4, test/fake/*.mp4"
TABLE = "demo.csv"


def find(root: Path, params: DatasetParams) -> list[LayoutEntry]:
    """List the videos of the demo; raises LaanetError if it was not built."""
    if not (root / TABLE).is_file():
        raise LaanetError(f"{root / TABLE}: not found; set demo.enabled to true and run 'dvc repro demo', or remove datasets.demo.")
    return read_listing(root, TABLE)


LAYOUT = Layout(find, TREE, official=False)
