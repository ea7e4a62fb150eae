"""WildDeepfake (Zi et al., 2020): sequences of face crops from the internet, a folder of images for each."""

from __future__ import annotations

from pathlib import Path

from laanet_core.datasets.entry import Entry, Layout
from laanet_core.datasets.files import picture_folders
from laanet_core.params import DatasetParams, Split

TREE = "{real,fake}_{train,test}/<n>/<video>/<frame>.png, extracted from its archives; every folder that holds images is one video"
SPLITS: tuple[Split, ...] = ("train", "test")


def find(root: Path, params: DatasetParams) -> list[Entry]:
    """Every folder of images, at any depth under the four top folders. Fakes have no source, and nobody is named.

    It comes without a list, so that only the number of its sequences tells whether some are missing.
    """
    entries = []
    for label, kind in enumerate(("real", "fake")):
        for split in SPLITS:
            for path in picture_folders(root / f"{kind}_{split}"):
                video = f"{kind}_{split}/{path}"
                entries.append(Entry(video, video, label, "WildDeepfake" if label else "real", split))
    return entries


LAYOUT = Layout(find, TREE, published={"in all": 7314}, cropped=True)
