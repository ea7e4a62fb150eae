"""DeepFakeDetection (Google and Jigsaw, 2019), in the folder layout of FaceForensics++."""

from __future__ import annotations

from pathlib import Path

from laanet_core.datasets.entry import Layout, LayoutEntry
from laanet_core.datasets.ffpp import sequence_folder
from laanet_core.datasets.files import videos_under
from laanet_core.params import DatasetParams

TREE = (
    "original_sequences/actors/<compression>/videos/01__scene.mp4 and manipulated_sequences/DeepFakeDetection/<compression>/videos/"
    "01_02__scene__HASH.mp4; <compression> is c23, c40, or raw for c0"
)
METHOD = "DeepFakeDetection"


def find(root: Path, params: DatasetParams) -> list[LayoutEntry]:
    """List the videos of one compression, all in split test; the source of fake `AA_BB__scene__HASH` is `actors/AA__scene`, of actor AA.

    The data set has no list, so missing videos can only be detected by the number of videos.
    """
    entries = []
    originals = sequence_folder(root, "original_sequences/actors", params.compression)
    for path in videos_under(root / originals):
        video = f"actors/{Path(path).stem}"
        entries.append(LayoutEntry(video, f"{originals}/{path}", 0, "real", "test", params.compression, person=video.partition("__")[0]))
    fakes = sequence_folder(root, f"manipulated_sequences/{METHOD}", params.compression)
    for path in videos_under(root / fakes):
        name = Path(path).stem
        source = f"actors/{source_name(name)}"
        entries.append(LayoutEntry(f"{METHOD}/{name}", f"{fakes}/{path}", 1, METHOD, "test", params.compression, source))
    return entries


def source_name(fake: str) -> str:
    """Return the name of a fake's source video: `01_02__scene__HASH` -> `01__scene`."""
    actors, _, rest = fake.partition("__")
    return f"{actors.partition('_')[0]}__{rest.rpartition('__')[0]}"


LAYOUT = Layout(find, TREE, published={"test real": 363, "test fake": 3068})
