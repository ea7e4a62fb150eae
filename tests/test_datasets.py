"""Each folder layout becomes the right index rows, and a bad one a sentence."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from laanet_core.datasets.dfd import source_name
from laanet_core.datasets.index import IndexRow, read_index, write_index
from laanet_core.datasets.layouts import LAYOUTS, build_index
from laanet_core.errors import LaanetError
from laanet_core.params import DatasetParams


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The data set's folder."""
    folder = tmp_path / "set"
    folder.mkdir()
    return folder


def plant(root: Path, *paths: str) -> None:
    """Files whose content is their path."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)


def build(root: Path, name: str, **params: str) -> dict[str, IndexRow]:
    """Index of a folder, by video id."""
    rows = build_index(name, DatasetParams.model_validate({"root": str(root), **params}), root.parent / "cache")
    return {row.video_id: row for row in rows}


def brief(rows: dict[str, IndexRow]) -> dict[str, tuple[int, str, str, str]]:
    """Label, method, split, source of every row."""
    return {name: (row.label, row.method, row.split, row.source_id) for name, row in rows.items()}


def persons(rows: dict[str, IndexRow]) -> dict[str, str]:
    """Person of every row that is told one, not left as its own."""
    return {name: row.person for name, row in rows.items() if row.person != row.video_id}


def test_a_folder_of_real_and_fake_pairs_videos_by_name(root: Path) -> None:
    plant(
        root,
        "real/a.mp4",
        "real/deep/b.MOV",
        "fake/a.avi",
        "fake/deep/b.mp4",
        "fake/ghost/a.mp4",
        "fake/lonely.mp4",
        "real/.x.mp4",
        "real/n.txt",
    )
    assert brief(build(root, "mine")) == {
        "real/a": (0, "real", "test", ""),
        "real/deep/b": (0, "real", "test", ""),
        "fake/a": (1, "fake", "test", "real/a"),
        "fake/deep/b": (1, "deep", "test", "real/deep/b"),
        "fake/ghost/a": (1, "ghost", "test", "real/a"),
        "fake/lonely": (1, "fake", "test", ""),
    }


def test_a_folder_of_pairs_pairs_each(root: Path) -> None:
    plant(root, "one/real.mp4", "one/fake.avi", "two/fake.mp4", "three/real.mkv", "other/thing.mp4")
    assert brief(build(root, "mine")) == {
        "one/real": (0, "real", "test", ""),
        "one/fake": (1, "fake", "test", "one/real"),
        "two/fake": (1, "fake", "test", ""),
        "three/real": (0, "real", "test", ""),
    }


def test_the_shared_pairs_are_found(shared: Path, tmp_path: Path) -> None:
    rows = build_index("pairs", DatasetParams(root=str(shared / "data/video_pairs")), tmp_path)
    fakes = [row for row in rows if row.label]
    assert len(fakes) >= 3
    assert all(fake.source_id == fake.video_id.replace("fake", "real") for fake in fakes)


def test_a_table_gives_labels_methods_splits_and_sources(root: Path) -> None:
    plant(root, "v/a.mp4", "v/b.mp4")
    (root / "index.csv").write_text("path,label,method,split,source\nv/a.mp4,0,,train,\nv/b.mp4,1,swap,train,v/a.mp4\n./v/gone.mp4,0,,,\n")
    rows = build(root, "mine")
    assert brief(rows) == {"v/a": (0, "real", "train", ""), "v/b": (1, "swap", "train", "v/a"), "v/gone": (0, "real", "test", "")}
    assert (rows["v/gone"].size_bytes, rows["v/gone"].digest) == (0, "")


def test_a_table_may_tell_who_is_seen(root: Path) -> None:
    (root / "index.csv").write_text("path,label,person\na.mp4,0,anna\nb.mp4,0,anna\nc.mp4,0,\nd.mp4,1,\n")
    rows = build(root, "mine")
    assert {name: row.person for name, row in rows.items()} == {"a": "anna", "b": "anna", "c": "c", "d": "d"}


def test_a_video_whose_person_nobody_tells_is_its_own(root: Path) -> None:
    plant(root / "two", "real/a.mp4", "real/deep/a.mp4", "fake/a.mp4")
    plant(root / "pairs", "one/real.mp4", "one/fake.mp4", "two/real.mp4")
    (root / "ffpp").mkdir()
    plant_ffpp(root / "ffpp")
    (root / "table").mkdir()
    (root / "table/index.csv").write_text("path,label\na.mp4,0\nb.mp4,1\n")
    (root / "dfdc").mkdir()
    (root / "dfdc/metadata.json").write_text(json.dumps({"f.mp4": {"label": "FAKE", "original": "r.mp4"}, "r.mp4": {"label": "REAL"}}))
    for folder in root.iterdir():
        rows = build(folder, folder.name)
        assert len(rows) > 1
        assert all(row.person == name for name, row in rows.items())


def test_the_demo_tells_who_is_seen(root: Path) -> None:
    lines = ["train/real/a.mp4,0,woman", "train/real/b.mp4,0,woman", "test/real/clouds.mp4,0,", "test/fake/x.mp4,1,"]
    (root / "demo.csv").write_text("\n".join(["path,label,person", *lines]) + "\n")
    rows = build(root, "demo")
    assert persons(rows) == {"train/real/a": "woman", "train/real/b": "woman"}
    assert rows["test/real/clouds"].person == "test/real/clouds"


def test_an_index_of_before_persons_is_one_sentence(root: Path) -> None:
    (root / "i.csv").write_text("video_id,path,label,method,compression,split,source_id,size_bytes,digest\na,a.mp4,0,real,,test,,1,0\n")
    with pytest.raises(LaanetError, match=r"i\.csv: has no column 'person' .*; rebuild it with 'dvc repro'\.$"):
        read_index(root / "i.csv")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("../x.mp4,0,", "line 2: path '../x.mp4' leads out of"),
        ("/etc/passwd,0,", "line 2: path '/etc/passwd' leads out of"),
        ("link/x.mp4,0,", "line 2: path 'link/x.mp4' leads out of"),
        (",0,", "line 2: path '' leads out of"),
        ("a.mp4,real,", "line 2: label is 'real'; write 0 for real or 1 for fake"),
        ("a.mp4,1,gone.mp4", "line 2: source 'gone' is no row of the table"),
        ("a.mp4,1,../a.mp4", "leads out of"),
    ],
)
def test_a_bad_line_of_a_table_is_named(line: str, message: str, root: Path) -> None:
    (root / "link").symlink_to(root.parent)
    (root / "index.csv").write_text(f"path,label,source\n{line}\n")
    with pytest.raises(LaanetError) as error:
        build(root, "mine")
    assert message in str(error.value)


def test_an_unknown_split_of_a_table_is_named(root: Path) -> None:
    (root / "index.csv").write_text("path,label,split\na.mp4,0,training\n")
    with pytest.raises(LaanetError, match=r"line 2: split is 'training'; write one of train, val, test"):
        build(root, "mine")


def test_rows_tell_size_and_digest_and_bad_files_are_rows_too(root: Path) -> None:
    plant(root, "real/a.mp4")
    (root / "real/empty.mp4").touch()
    (root / "real/broken.mp4").symlink_to(root / "nowhere")
    (root / "real/folder.mp4").mkdir()
    rows = build(root, "mine")
    assert rows["real/a"].digest == hashlib.sha256(b"real/a.mp4").hexdigest()
    assert rows["real/a"].size_bytes == 10
    assert (rows["real/empty"].size_bytes, rows["real/empty"].digest) == (0, hashlib.sha256(b"").hexdigest())
    assert (rows["real/broken"].size_bytes, rows["real/broken"].digest) == (0, "")
    assert "real/folder" not in rows


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
    plant(root, "real/a, b.mp4", "fake/a, b.mp4", 'real/"ü".mp4')
    rows = list(build(root, "mine").values())
    write_index(root / "i.csv", rows)
    assert read_index(root / "i.csv") == sorted(rows, key=lambda row: row.video_id)


def test_two_files_of_one_name_are_refused(root: Path) -> None:
    plant(root, "real/a.mp4", "real/a.mov")
    rows = build_index("mine", DatasetParams(root=str(root)), root / "cache")
    with pytest.raises(LaanetError, match="are both video 'real/a'"):
        write_index(root / "i.csv", rows)


@pytest.mark.parametrize("name", [*LAYOUTS, "mine"])
def test_a_missing_folder_shows_the_tree_expected(name: str, tmp_path: Path) -> None:
    with pytest.raises(LaanetError) as error:
        build(tmp_path / "gone", name)
    assert f"datasets.{name}.root: '{tmp_path / 'gone'}' is not a folder; it should hold " in str(error.value)
    assert ".mp4" in str(error.value) or "json" in str(error.value)


@pytest.mark.parametrize("name", [*LAYOUTS, "mine"])
def test_an_empty_folder_is_one_sentence(name: str, root: Path) -> None:
    with pytest.raises(LaanetError, match=r"\.$"):
        build(root, name)


def test_an_unknown_adapter_lists_those_there_are(root: Path) -> None:
    with pytest.raises(
        LaanetError, match=r"datasets\.mine\.adapter: 'wild' is unknown; choose one of cdf2, demo, dfd, dfdc, dfdcp, ffpp, folder"
    ):
        build(root, "mine", adapter="wild")
    with pytest.raises(LaanetError, match=r"datasets\.dfw: .* not supported yet"):
        build(root, "dfw")


def test_an_adapter_may_be_chosen_for_any_name(root: Path) -> None:
    plant(root, "real/a.mp4")
    assert list(build(root, "ffpp", adapter="folder")) == ["real/a"]


def plant_ffpp(root: Path) -> None:
    """Two pairs of FaceForensics++, in two compressions."""
    (root / "splits").mkdir()
    for split, pairs in {"train": [["000", "003"]], "val": [["010", "011"]], "test": []}.items():
        (root / f"splits/{split}.json").write_text(json.dumps(pairs))
    plant(root, *(f"original_sequences/youtube/c23/videos/{name}.mp4" for name in ("000", "003", "010")))
    plant(root, *(f"manipulated_sequences/{method}/c23/videos/000_003.mp4" for method in ("Deepfakes", "FaceSwap")))
    plant(root, "manipulated_sequences/NeuralTextures/c23/videos/011_010.mp4", "original_sequences/youtube/raw/videos/000.mp4")


def test_ffpp_keys_videos_by_method_and_pairs_with_the_target(root: Path) -> None:
    plant_ffpp(root)
    assert brief(build(root, "ffpp")) == {
        "youtube/000": (0, "real", "train", ""),
        "youtube/003": (0, "real", "train", ""),
        "youtube/010": (0, "real", "val", ""),
        "Deepfakes/000_003": (1, "Deepfakes", "train", "youtube/000"),
        "FaceSwap/000_003": (1, "FaceSwap", "train", "youtube/000"),
        "NeuralTextures/011_010": (1, "NeuralTextures", "val", ""),
    }
    uncompressed = build(root, "ffpp", compression="c0")
    assert [(row.path, row.compression) for row in uncompressed.values()] == [("original_sequences/youtube/raw/videos/000.mp4", "c0")]


def test_ffpp_refuses_missing_lists_and_unlisted_videos(root: Path) -> None:
    plant_ffpp(root)
    plant(root, "original_sequences/youtube/c23/videos/999.mp4")
    with pytest.raises(LaanetError, match=r"999\.mp4: video 999 is in no list of .*splits"):
        build(root, "ffpp")
    (root / "splits/val.json").write_text("[[")
    with pytest.raises(LaanetError, match=r"val\.json: not valid JSON"):
        build(root, "ffpp")
    (root / "splits/val.json").unlink()
    with pytest.raises(LaanetError, match=r"val\.json: not found"):
        build(root, "ffpp")


def test_dfd_pairs_by_actor_and_scene(root: Path) -> None:
    plant(root, "original_sequences/actors/c23/videos/01__walking_down_hall.mp4")
    plant(root, "manipulated_sequences/DeepFakeDetection/c23/videos/01_02__walking_down_hall__ABCDEF.mp4")
    assert brief(build(root, "dfd")) == {
        "actors/01__walking_down_hall": (0, "real", "test", ""),
        "DeepFakeDetection/01_02__walking_down_hall__ABCDEF": (1, "DeepFakeDetection", "test", "actors/01__walking_down_hall"),
    }
    assert source_name("28_27__secret_conversation__X1") == "28__secret_conversation"


def test_dfd_videos_of_one_actor_are_of_one_person(root: Path) -> None:
    scenes = ("01__hugging_happy", "01__walking_down_hall", "02__hugging_happy")
    plant(root, *(f"original_sequences/actors/c23/videos/{scene}.mp4" for scene in scenes))
    plant(root, "manipulated_sequences/DeepFakeDetection/c23/videos/01_02__hugging_happy__ABCDEF.mp4")
    assert persons(build(root, "dfd")) == {
        "actors/01__hugging_happy": "actors/01",
        "actors/01__walking_down_hall": "actors/01",
        "actors/02__hugging_happy": "actors/02",
    }


def test_cdf2_takes_the_listed_videos_and_the_sources_of_their_fakes(root: Path) -> None:
    plant(root, "Celeb-real/id0_0000.mp4", "Celeb-real/id5_0001.mp4", "Celeb-real/id9_0009.mp4", "YouTube-real/00001.mp4")
    plant(root, "Celeb-synthesis/id0_id1_0000.mp4", "Celeb-synthesis/id5_id1_0001.mp4")
    lines = [
        "1 YouTube-real/00001.mp4",
        "1 Celeb-real/id0_0000.mp4",
        "0 Celeb-synthesis/id0_id1_0000.mp4",
        "0 Celeb-synthesis/id5_id1_0001.mp4",
    ]
    (root / "List_of_testing_videos.txt").write_text("\n".join(lines) + "\n")
    assert brief(build(root, "cdf2")) == {
        "YouTube-real/00001": (0, "real", "test", ""),
        "Celeb-real/id0_0000": (0, "real", "test", ""),
        "Celeb-synthesis/id0_id1_0000": (1, "Celeb-synthesis", "test", "Celeb-real/id0_0000"),
        "Celeb-synthesis/id5_id1_0001": (1, "Celeb-synthesis", "test", "Celeb-real/id5_0001"),
        "Celeb-real/id5_0001": (0, "real", "train", ""),
    }
    (root / "List_of_testing_videos.txt").write_text("label path\n")
    with pytest.raises(LaanetError, match="line 1: found 'label path'"):
        build(root, "cdf2")


def test_cdf2_videos_of_one_celebrity_are_of_one_person(root: Path) -> None:
    plant(root, "Celeb-real/id0_0000.mp4", "Celeb-real/id0_0001.mp4", "Celeb-real/id16_0000.mp4")
    listed = ["Celeb-real/id0_0000.mp4", "Celeb-real/id16_0000.mp4", "YouTube-real/00001.mp4", "Celeb-synthesis/id0_id16_0001.mp4"]
    lines = [f"{int('real' in path)} {path}\n" for path in listed]
    (root / "List_of_testing_videos.txt").write_text("".join(lines))
    rows = build(root, "cdf2")
    assert persons(rows) == {
        "Celeb-real/id0_0000": "Celeb-real/id0",
        "Celeb-real/id0_0001": "Celeb-real/id0",
        "Celeb-real/id16_0000": "Celeb-real/id16",
    }
    assert rows["YouTube-real/00001"].person == "YouTube-real/00001"


def test_dfdc_reads_test_labels_and_train_parts(root: Path) -> None:
    plant(root, "videos/t.mp4", "dfdc_train_part_0/f.mp4", "dfdc_train_part_0/r.mp4")
    (root / "labels.csv").write_text("filename,label\nt.mp4,1\n")
    records = {
        "f.mp4": {"label": "FAKE", "split": "train", "original": "r.mp4"},
        "r.mp4": {"label": "REAL", "split": "train", "original": None},
    }
    (root / "dfdc_train_part_0/metadata.json").write_text(json.dumps(records))
    assert brief(build(root, "dfdc")) == {
        "videos/t": (1, "DFDC", "test", ""),
        "dfdc_train_part_0/f": (1, "DFDC", "train", "dfdc_train_part_0/r"),
        "dfdc_train_part_0/r": (0, "real", "train", ""),
    }
    (root / "dfdc_train_part_0/metadata.json").write_text(json.dumps({"../../x.mp4": {"label": "REAL"}}))
    with pytest.raises(LaanetError, match="leads out of"):
        build(root, "dfdc")


def test_dfdcp_reads_its_table(root: Path) -> None:
    records = {
        "original_videos/1/a.mp4": {"label": "real", "set": "train", "target_id": 1},
        "method_A/1/b.mp4": {"label": "fake", "set": "test", "target_id": 1},
    }
    (root / "dataset.json").write_text(json.dumps(records))
    assert brief(build(root, "dfdcp")) == {"original_videos/1/a": (0, "real", "train", ""), "method_A/1/b": (1, "method_A", "test", "")}
    (root / "dataset.json").write_text(json.dumps({"a.mp4": {"label": "real", "set": "validation"}}))
    with pytest.raises(LaanetError, match=r"record 'a\.mp4': label 'real' and set 'validation'"):
        build(root, "dfdcp")
    (root / "dataset.json").write_text("[]")
    with pytest.raises(LaanetError, match="does not map file names to records"):
        build(root, "dfdcp")


def test_dfdcp_real_videos_of_one_actor_are_of_one_person(root: Path) -> None:
    records = {
        "original_videos/1/a.mp4": {"label": "real", "set": "train", "target_id": 1},
        "original_videos/1/b.mp4": {"label": "real", "set": "train", "target_id": "1"},
        "original_videos/0/c.mp4": {"label": "real", "set": "train", "target_id": 0},
        "original_videos/d.mp4": {"label": "real", "set": "train", "target_id": None},
        "method_A/1/e.mp4": {"label": "fake", "set": "train", "target_id": 1},
    }
    (root / "dataset.json").write_text(json.dumps(records))
    rows = build(root, "dfdcp")
    assert persons(rows) == {"original_videos/1/a": "1", "original_videos/1/b": "1", "original_videos/0/c": "0"}
    assert rows["original_videos/d"].person == "original_videos/d"
