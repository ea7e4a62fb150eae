"""Your own videos: a folder of real ones and a folder of fakes, a folder for each pair, or a table."""

from __future__ import annotations

from pathlib import Path

from laanet_core.datasets.entry import Entry, stem, videos_under
from laanet_core.datasets.listed import read_listing
from laanet_core.errors import LaanetError
from laanet_core.params import DatasetParams

TREE = (
    "real/**/<name>.mp4 and fake/**/<name>.mp4, where a fake named as a real video (or so named inside fake/<method>/) is paired with it; "
    "or <name>/real.mp4 and <name>/fake.mp4; or index.csv with columns path, label (0 real, 1 fake) and, if wanted, method, split, source, "
    "person"
)
TABLE = "index.csv"


def find(root: Path, params: DatasetParams) -> list[Entry]:
    """Entries of a folder in one of the three forms of TREE, all of split test unless the table says otherwise."""
    if (root / TABLE).is_file():
        return read_listing(root, TABLE)
    if (root / "real").is_dir() or (root / "fake").is_dir():
        return _two_folders(root)
    return _pairs(root)


def _two_folders(root: Path) -> list[Entry]:
    """`real/**` and `fake/**`; the method is the first folder under `fake`, where there is one."""
    entries = [Entry(f"real/{stem(path)}", f"real/{path}", 0, "real", "test") for path in videos_under(root / "real")]
    reals = {entry.video_id.removeprefix("real/"): entry for entry in entries}
    for path in videos_under(root / "fake"):
        name = stem(path)
        method, _, inner = name.partition("/") if "/" in name else ("fake", "", "")
        source = reals.get(name) or reals.get(inner)
        entries.append(Entry(f"fake/{name}", f"fake/{path}", 1, method, "test", source_id=source.video_id if source else ""))
    return entries


def _pairs(root: Path) -> list[Entry]:
    """`<name>/real.*` and `<name>/fake.*`."""
    entries = []
    paths = [path for path in videos_under(root) if Path(path).stem in {"real", "fake"} and "/" in path]
    ids = {stem(path) for path in paths}
    for path in paths:
        label = int(Path(path).stem == "fake")
        source = str(Path(path).parent / "real") if label else ""
        entries.append(Entry(stem(path), path, label, "fake" if label else "real", "test", source_id=source if source in ids else ""))
    if not entries:
        raise LaanetError(f"{root}: holds no videos of real and fake; it should hold {TREE}.")
    return entries
