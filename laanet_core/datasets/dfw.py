"""WildDeepfake (Zi et al., 2020): sequences of face crops from the internet, one folder of images each."""

from __future__ import annotations

from pathlib import Path

from laanet_core.datasets.entry import Layout, LayoutEntry
from laanet_core.datasets.files import picture_folders
from laanet_core.params import DatasetParams, Split

TREE = "{real,fake}_{train,test}/<n>/<video>/<frame>.png, extracted from its archives; every folder with images is one video"
SPLITS: tuple[Split, ...] = ("train", "test")


def find(root: Path, params: DatasetParams) -> list[LayoutEntry]:
    """List every folder of images, at any depth under the four top folders. Fakes have no source, and persons are unknown.

    The data set has no list, so missing sequences can only be detected by their number.
    """
    entries = []
    for label, kind in enumerate(("real", "fake")):
        for split in SPLITS:
            for path in picture_folders(root / f"{kind}_{split}"):
                video = f"{kind}_{split}/{path}"
                entries.append(LayoutEntry(video, video, label, "WildDeepfake" if label else "real", split))
    return entries


LAYOUT = Layout(find, TREE, published={"in all": 7314}, cropped=True)
