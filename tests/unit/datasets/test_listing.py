"""A user's index.csv gives the specified rows, and the number of an invalid line is reported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from laanet_core.datasets.index import read_index
from laanet_core.errors import LaanetError
from tests.helpers.layout_trees import brief, build, persons, plant, plant_ffpp


def test_a_table_gives_labels_methods_splits_and_sources(root: Path) -> None:
    plant(root, "v/a.mp4", "v/b.mp4")
    (root / "index.csv").write_text("path,label,method,split,source\nv/a.mp4,0,,train,\nv/b.mp4,1,swap,train,v/a.mp4\n./v/gone.mp4,0,,,\n")
    rows = build(root, "mine")
    assert brief(rows) == {"v/a": (0, "real", "train", ""), "v/b": (1, "swap", "train", "v/a"), "v/gone": (0, "real", "test", "")}
    assert (rows["v/gone"].size_bytes, rows["v/gone"].digest) == (0, "")


def test_a_table_may_name_a_video_an_image_or_a_folder_of_images(root: Path) -> None:
    plant(root, "a.mp4", "b.png", "frames/c.1/0.png", "frames/c.1/1.png", "frames/d/0.png")
    (root / "index.csv").write_text("path,label,source\na.mp4,0,\nb.png,0,\nframes/c.1,0,\nframes/d/,1,frames/c.1\n")
    rows = build(root, "mine")
    assert {name: (row.path, row.source_id) for name, row in rows.items()} == {
        "a": ("a.mp4", ""),
        "b": ("b.png", ""),
        "frames/c.1": ("frames/c.1", ""),
        "frames/d": ("frames/d", "frames/c.1"),
    }
    assert rows["frames/c.1"].size_bytes == len("frames/c.1/0.png") * 2
    digest = rows["frames/c.1"].digest
    (root / "frames/c.1/1.png").write_text("another frame")
    assert build(root, "mine")["frames/c.1"].digest not in {"", digest}


def test_a_table_may_name_the_person(root: Path) -> None:
    (root / "index.csv").write_text("path,label,person\na.mp4,0,anna\nb.mp4,0,anna\nc.mp4,0,\nd.mp4,1,\n")
    rows = build(root, "mine")
    assert {name: row.person for name, row in rows.items()} == {"a": "anna", "b": "anna", "c": "c", "d": "d"}


def test_a_table_written_by_a_spreadsheet_is_read(root: Path) -> None:
    (root / "index.csv").write_bytes('\ufeffpath,label\r\n"ä, b.mp4",0\r\n\r\nc.mp4,1\r\n'.encode())
    assert brief(build(root, "mine")) == {"ä, b": (0, "real", "test", ""), "c": (1, "fake", "test", "")}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("../x.mp4,0,", "line 2: path '../x.mp4' points outside"),
        ("/etc/passwd,0,", "line 2: path '/etc/passwd' points outside"),
        ("link/x.mp4,0,", "line 2: path 'link/x.mp4' points outside"),
        (",0,", "line 2: path '' points outside"),
        (".,0,", "line 2: path '.' points outside"),
        ("a/../../set/b.mp4,0,", "points outside"),
        ("a\tb.mp4,0,", "line 2: 'a\\tb.mp4' has a line break, a control character"),
        ('"a\nb.mp4",0,', "line 3: 'a\\nb.mp4' has a line break"),
        (f"{'x' * 241}.mp4,0,", "is too long; a name has at most 240 bytes"),
        (f"{'x/' * 600}a.mp4,0,", "is too long; a name has at most 240 bytes, a path 1000"),
        ("a.mp4,real,", "line 2: label is 'real'; write 0 for real or 1 for fake"),
        ("a.mp4", "line 2: label is ''; write 0 for real or 1 for fake"),
        ("a, b.mp4,0,,", "line 2: has more cells than the header; put cells that hold a comma in double quotes"),
        ("a.mp4,1,gone.mp4", "line 2: source 'gone' is not a row of the table"),
        ("a.mp4,1,../a.mp4", "points outside"),
        ("a.mp4,1,a.mp4", "line 2: source 'a' is a fake itself; name the real video"),
        ("a.mp4,0,\nb.mp4,0,a.mp4", "line 3: a real video has source 'a', but only fakes have a source; leave it empty"),
    ],
)
def test_a_bad_line_of_a_table_is_named(line: str, message: str, root: Path) -> None:
    (root / "link").symlink_to(root.parent)
    (root / "index.csv").write_text(f"path,label,source\n{line}\n")
    with pytest.raises(LaanetError) as error:
        build(root, "mine")
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"file,label\na.mp4,0\n", "has no column 'path' (found file, label); give it a first line with the columns path, label (0 real"),
        (b"path;label\na.mp4;0\n", "has no column 'path' (found path;label); give it a first line"),
        (b"path\na.mp4\n", "has no column 'label' (found path); give it a first line"),
        (b"", "has no column 'path' (found none); give it a first line"),
        (b"path,label\n\xff\xfe,0\n", "not a readable text file"),
        (b'path,label\n"' + b"a" * 200_000 + b'",0\n', "line 2: not valid CSV (field larger than field limit"),
        (b"path,label\n", "no videos were found in"),
    ],
)
def test_a_file_that_is_not_such_a_table_is_one_sentence_with_the_expected_format(content: bytes, message: str, root: Path) -> None:
    (root / "index.csv").write_bytes(content)
    with pytest.raises(LaanetError) as error:
        build(root, "mine")
    assert message in str(error.value)
    assert "dvc repro" not in str(error.value)


def test_an_unknown_split_of_a_table_is_named(root: Path) -> None:
    (root / "index.csv").write_text("path,label,split\na.mp4,0,training\n")
    with pytest.raises(LaanetError, match=r"line 2: split is 'training'; write one of train, val, test"):
        build(root, "mine")


def test_without_a_known_person_the_person_is_the_video_id(root: Path) -> None:
    plant(root / "two", "real/a.mp4", "real/deep/a.mp4", "fake/a.mp4")
    plant(root / "pairs", "one/real.mp4", "one/fake.mp4", "two/real.mp4")
    (root / "ffpp").mkdir()
    plant_ffpp(root / "ffpp")
    (root / "table").mkdir()
    (root / "table/index.csv").write_text("path,label\na.mp4,0\nb.mp4,1\n")
    (root / "dfdc").mkdir()
    (root / "dfdc/metadata.json").write_text(json.dumps({"f.mp4": {"label": "FAKE", "original": "r.mp4"}, "r.mp4": {"label": "REAL"}}))
    for folder in root.iterdir():
        rows = build(folder, folder.name, partial=True)
        assert len(rows) > 1
        assert all(row.person == name for name, row in rows.items())


def test_the_demo_names_its_persons(root: Path) -> None:
    lines = ["train/real/a.mp4,0,woman", "train/real/b.mp4,0,woman", "test/real/clouds.mp4,0,", "test/fake/x.mp4,1,"]
    (root / "demo.csv").write_text("\n".join(["path,label,person", *lines]) + "\n")
    rows = build(root, "demo")
    assert persons(rows) == {"train/real/a": "woman", "train/real/b": "woman"}
    assert rows["test/real/clouds"].person == "test/real/clouds"


def test_an_index_from_before_persons_were_stored_is_one_sentence(root: Path) -> None:
    (root / "i.csv").write_text("video_id,path,label,method,compression,split,source_id,size_bytes,digest\na,a.mp4,0,real,,test,,1,0\n")
    with pytest.raises(LaanetError, match=r"i\.csv: has no column 'person' .*; rebuild it with 'dvc repro'\.$"):
        read_index(root / "i.csv")
