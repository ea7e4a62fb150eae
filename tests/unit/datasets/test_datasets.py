"""Users' own videos become the right index rows, and an invalid folder or table is one sentence."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from laanet_core.datasets.entry import stem
from laanet_core.datasets.files import inside, videos_under
from laanet_core.datasets.index import read_index, write_index
from laanet_core.datasets.layouts import LAYOUTS, build_index, is_cropped
from laanet_core.errors import LaanetError
from laanet_core.formats import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from laanet_core.params import DatasetParams
from stages.index import is_locked
from tests.helpers.layout_trees import brief, build, plant


def test_a_folder_of_real_and_fake_pairs_videos_by_name(root: Path) -> None:
    plant(root, "real/a.mp4", "real/deep/b.MOV", "fake/a.avi", "fake/deep/b.mp4", "fake/ghost/a.mp4", "fake/lonely.mp4")
    plant(root, "real/.x.mp4", "real/n.txt", "real/.hidden/y.mp4")
    assert brief(build(root, "mine")) == {
        "real/a": (0, "real", "test", ""),
        "real/deep/b": (0, "real", "test", ""),
        "fake/a": (1, "fake", "test", "real/a"),
        "fake/deep/b": (1, "deep", "test", "real/deep/b"),
        "fake/ghost/a": (1, "ghost", "test", "real/a"),
        "fake/lonely": (1, "fake", "test", ""),
    }


def test_images_are_items_of_one_frame_and_pair_with_images_only(root: Path) -> None:
    plant(root, *(f"real/i{suffix}{suffix}" for suffix in sorted(IMAGE_SUFFIXES)), "real/v.mp4")
    plant(root, "fake/i.png.PNG", "fake/v.jpg", "fake/swap/i.webp.bmp")
    rows = build(root, "mine")
    assert {row.path for row in rows.values() if not row.label} == {"real/v.mp4", *(f"real/i{s}{s}" for s in IMAGE_SUFFIXES)}
    assert {name: row.source_id for name, row in rows.items() if row.label} == {
        "fake/i.png": "real/i.png",
        "fake/v": "",
        "fake/swap/i.webp": "real/i.webp",
    }


def test_a_folder_of_pairs_pairs_each(root: Path) -> None:
    plant(root, "one/real.mp4", "one/fake.avi", "two/fake.mp4", "three/real.mkv", "four/real.png", "four/fake.jpg", "other/thing.mp4")
    plant(root, "five/real.mp4", "five/fake.png")
    assert brief(build(root, "mine")) == {
        "one/real": (0, "real", "test", ""),
        "one/fake": (1, "fake", "test", "one/real"),
        "two/fake": (1, "fake", "test", ""),
        "three/real": (0, "real", "test", ""),
        "four/real": (0, "real", "test", ""),
        "four/fake": (1, "fake", "test", "four/real"),
        "five/real": (0, "real", "test", ""),
        "five/fake": (1, "fake", "test", ""),
    }


def test_the_shared_pairs_are_found(shared: Path, tmp_path: Path) -> None:
    rows = build_index("pairs", DatasetParams(root=str(shared / "data/video_pairs")), tmp_path)
    fakes = [row for row in rows if row.label]
    assert len(fakes) >= 3
    assert all(fake.source_id == fake.video_id.replace("fake", "real") for fake in fakes)


def test_rows_have_size_and_digest_and_bad_files_are_rows_too(root: Path) -> None:
    plant(root, "real/a.mp4")
    (root / "real/empty.mp4").touch()
    (root / "real/broken.mp4").symlink_to(root / "nowhere")
    (root / "real/loop.mp4").symlink_to(root / "real/loop.mp4")
    (root / "real/folder.mp4").mkdir()
    rows = build(root, "mine")
    assert rows["real/a"].digest == hashlib.sha256(b"real/a.mp4").hexdigest()
    assert rows["real/a"].size_bytes == 10
    assert (rows["real/empty"].size_bytes, rows["real/empty"].digest) == (0, hashlib.sha256(b"").hexdigest())
    assert (rows["real/broken"].size_bytes, rows["real/broken"].digest) == (0, "")
    assert (rows["real/loop"].size_bytes, rows["real/loop"].digest) == (0, "")
    assert "real/folder" not in rows


def test_links_to_folders_are_followed_except_in_cycles(root: Path) -> None:
    plant(root.parent, "disk2/b.mp4", "disk2/deep/c.mp4")
    plant(root, "real/a.mp4")
    (root / "real/more").symlink_to(root.parent / "disk2")
    (root.parent / "disk2/deep/back").symlink_to(root / "real")
    assert list(videos_under(root / "real")) == ["a.mp4", "more/b.mp4", "more/deep/c.mp4"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_read_is_a_sentence(root: Path) -> None:
    plant(root, "real/a.mp4", "real/closed/b.mp4")
    (root / "real/closed").chmod(0)
    try:
        with pytest.raises(LaanetError, match=r"real/closed: cannot be read \(Permission denied\)"):
            build(root, "mine")
    finally:
        (root / "real/closed").chmod(0o700)


@pytest.mark.parametrize("name", [b"a\nb.mp4", b"a\tb.mp4", b"a\xffb.mp4", b"a\rb.mp4"])
def test_a_name_that_tables_cannot_hold_is_one_sentence(name: bytes, root: Path) -> None:
    (root / "real").mkdir()
    (root / "real" / os.fsdecode(name)).touch()
    with pytest.raises(LaanetError, match=r"set: 'real/.*rename it\.$") as error:
        build(root, "mine")
    assert str(error.value).isprintable()


def test_a_rescan_reads_only_changed_files(root: Path) -> None:
    plant(root, "real/a.mp4", "real/b.mp4")
    first = build(root, "mine")
    stamp = (root / "real/a.mp4").stat()
    (root / "real/a.mp4").write_text("REAL/A.MP4")
    os.utime(root / "real/a.mp4", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    (root / "real/b.mp4").write_text("changed")
    second = build(root, "mine")
    assert second["real/a"] == first["real/a"]
    assert second["real/b"].digest == hashlib.sha256(b"changed").hexdigest()
    (root.parent / "cache/mine.json").write_text("{ spoilt")
    assert build(root, "mine")["real/a"].digest == hashlib.sha256(b"REAL/A.MP4").hexdigest()


def test_an_index_survives_its_file(root: Path) -> None:
    plant(root, "real/a, b.mp4", "fake/a, b.mp4", 'real/"ü".mp4', "real/\u3000\u2028.mp4", "real/ .mp4")
    rows = list(build(root, "mine").values())
    write_index(root / "i.csv", rows)
    assert read_index(root / "i.csv") == sorted(rows, key=lambda row: row.video_id)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.text(min_size=1, max_size=40))
def test_a_listed_path_is_inside_the_root_and_survives_an_index_or_is_refused(path: str, root: Path) -> None:
    try:
        tidy = inside(root, path, "here")
    except LaanetError as error:
        assert str(error).startswith("here: ")
        return
    assert (root / tidy).is_relative_to(root) and ".." not in Path(tidy).parts
    rows = [row for row in build_index("mine", DatasetParams(root=str(_listed(root, tidy))), root / "cache") if row.path == tidy]
    write_index(root / "i.csv", rows)
    assert read_index(root / "i.csv") == rows
    assert len(rows) == 1


def _listed(root: Path, path: str) -> Path:
    """A root with a table of one row."""
    quoted = path.replace('"', '""')
    (root / "index.csv").write_text(f'path,label\n"{quoted}",0\n')
    return root


def test_two_files_of_one_name_are_refused(root: Path) -> None:
    plant(root, "real/a.mp4", "real/a.png")
    rows = build_index("mine", DatasetParams(root=str(root)), root / "cache")
    with pytest.raises(LaanetError, match="have the same video id 'real/a'"):
        write_index(root / "i.csv", rows)


def test_only_the_suffix_of_a_video_or_an_image_is_left_out_of_its_id() -> None:
    assert {stem(f"v1.0/a.b{suffix.upper()}") for suffix in VIDEO_SUFFIXES | IMAGE_SUFFIXES} == {"v1.0/a.b"}
    assert stem("v1.0/clip.2024") == "v1.0/clip.2024"


@pytest.mark.parametrize("name", [*LAYOUTS, "mine"])
def test_a_missing_folder_shows_the_tree_expected(name: str, tmp_path: Path) -> None:
    with pytest.raises(LaanetError) as error:
        build(tmp_path / "gone", name)
    tree = LAYOUTS.get(name, LAYOUTS["folder"]).tree
    assert f"datasets.{name}.root: '{tmp_path / 'gone'}' is not a folder; it should hold {tree}" in str(error.value)


@pytest.mark.parametrize("name", [*LAYOUTS, "mine"])
def test_an_empty_folder_is_one_sentence_that_says_what_is_expected(name: str, root: Path) -> None:
    with pytest.raises(LaanetError, match=r"(should hold|needs|set demo\.enabled).*\.$"):
        build(root, name)


def test_an_unknown_layout_lists_those_there_are(root: Path) -> None:
    known = "cdf1, cdf2, deepfakebench, demo, dfd, dfdc, dfdcp, dfw, ffpp, folder"
    with pytest.raises(LaanetError, match=rf"datasets\.mine\.layout: 'wild' is unknown; choose one of {known}"):
        build(root, "mine", layout="wild")


def test_a_layout_may_be_chosen_for_any_name(root: Path) -> None:
    plant(root, "real/a.mp4")
    assert list(build(root, "ffpp", layout="folder")) == ["real/a"]


def test_a_list_for_a_layout_that_reads_none_is_a_sentence(root: Path) -> None:
    plant(root, "real/a.mp4")
    with pytest.raises(LaanetError, match=r"datasets\.mine\.listing: the layout 'folder' does not use a list"):
        build(root, "mine", listing="x.json")


def test_whether_a_data_set_is_cropped_depends_on_layout_and_parameters() -> None:
    def cropped(name: str, **params: object) -> bool:
        return is_cropped(name, DatasetParams.model_validate({"root": "x", **params}))

    assert {name for name in LAYOUTS if cropped(name)} == {"dfw", "deepfakebench"}
    assert cropped("mine", layout="dfw")
    assert cropped("mine", cropped=True)
    assert not cropped("dfw", cropped=False)


@pytest.mark.parametrize("second", ["real/x/points.mp4", "real/x/faces/y.mp4", "real/x.tar/y.mp4"])
def test_videos_that_cannot_both_be_stored_are_refused(root: Path, second: str) -> None:
    plant(root, "real/x.mp4", second)
    rows = build_index("mine", DatasetParams(root=str(root)), root.parent / "cache")
    with pytest.raises(LaanetError, match=r"and real/x\.mp4 cannot both be stored under their names; rename one of them\.$"):
        write_index(root.parent / "i.csv", rows)


def test_the_earlier_name_of_the_layout_is_read_too(tmp_path: Path) -> None:
    assert DatasetParams.model_validate({"root": "/x", "adapter": "ffpp"}) == DatasetParams(root="/x", layout="ffpp")
    with pytest.raises(ValidationError, match="adapter"):
        DatasetParams.model_validate({"root": "/x", "layout": "ffpp", "adapter": "ffpp"})
    lock = {"stages": {"index@mine": {"params": {"params.yaml": {"datasets.mine": {"root": "/x", "adapter": "ffpp"}}}}}}
    (tmp_path / "dvc.lock").write_text(yaml.safe_dump(lock))
    assert is_locked("mine", DatasetParams(root="/x", layout="ffpp"), tmp_path / "dvc.lock")
    assert not is_locked("mine", DatasetParams(root="/x", layout="dfd"), tmp_path / "dvc.lock")
