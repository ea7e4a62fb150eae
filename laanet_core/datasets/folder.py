"""The user's own videos and images: a folder of real and a folder of fake ones, one folder per pair, or a table."""

from __future__ import annotations

from pathlib import Path

from laanet_core.datasets.csv_listing import read_listing
from laanet_core.datasets.entry import Layout, LayoutEntry, stem
from laanet_core.datasets.files import videos_under
from laanet_core.errors import LaanetError
from laanet_core.formats import IMAGE_SUFFIXES, MEDIA_SUFFIXES
from laanet_core.params import DatasetParams

TREE = (
    "real/**/<name>.mp4 and fake/**/<name>.mp4, where a fake is paired with the real video of the same name (also inside fake/<method>/); "
    "or <name>/real.mp4 and <name>/fake.mp4; images such as <name>.png likewise; or index.csv with columns path, label (0 real, 1 fake) "
    "and optionally method, split, source, person"
)
TABLE = "index.csv"


def find(root: Path, params: DatasetParams) -> list[LayoutEntry]:
    """List the videos of a folder in one of the three forms of TREE; the split is test unless the table specifies it."""
    if (root / TABLE).is_file():
        return read_listing(root, TABLE)
    if (root / "real").is_dir() or (root / "fake").is_dir():
        return _two_folders(root)
    return _pairs(root)


def _two_folders(root: Path) -> list[LayoutEntry]:
    """List `real/**` and `fake/**`; the method is the first folder under `fake`, if any. Images are only paired with images."""
    entries = [LayoutEntry(f"real/{stem(path)}", f"real/{path}", 0, "real", "test") for path in videos_under(root / "real", MEDIA_SUFFIXES)]
    reals = {(entry.video_id.removeprefix("real/"), _is_image(entry.path)): entry.video_id for entry in entries}
    for path in videos_under(root / "fake", MEDIA_SUFFIXES):
        name = stem(path)
        method, _, inner = name.partition("/") if "/" in name else ("fake", "", "")
        source = reals.get((name, _is_image(path))) or reals.get((inner, _is_image(path))) or ""
        entries.append(LayoutEntry(f"fake/{name}", f"fake/{path}", 1, method, "test", source_id=source))
    return entries


def _pairs(root: Path) -> list[LayoutEntry]:
    """List `<name>/real.*` and `<name>/fake.*`."""
    entries = []
    paths = [path for path in videos_under(root, MEDIA_SUFFIXES) if Path(path).stem in {"real", "fake"} and "/" in path]
    existing = {(stem(path), _is_image(path)) for path in paths}
    for path in paths:
        label = int(Path(path).stem == "fake")
        source = str(Path(path).parent / "real") if label else ""
        paired = (source, _is_image(path)) in existing
        entries.append(LayoutEntry(stem(path), path, label, "fake" if label else "real", "test", source_id=source if paired else ""))
    if not entries:
        raise LaanetError(f"{root}: contains no real or fake videos or images; it should hold {TREE}.")
    return entries


def _is_image(path: str) -> bool:
    return Path(path).suffix.lower() in IMAGE_SUFFIXES


LAYOUT = Layout(find, TREE, official=False)
