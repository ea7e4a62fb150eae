"""Each official data set's folder becomes the right index rows, and a malformed list is one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from laanet_core.datasets.dfd import source_name
from laanet_core.errors import LaanetError
from tests.helpers.layout_trees import brief, build, persons, plant, plant_ffpp, there


def refusal(root: Path, name: str) -> str:
    """The sentence that a folder is refused with."""
    with pytest.raises(LaanetError) as error:
        build(root, name, partial=True)
    return str(error.value)


def test_ffpp_keys_videos_by_method_and_pairs_with_the_target(root: Path) -> None:
    plant_ffpp(root)
    rows = build(root, "ffpp", partial=True)
    assert brief(there(rows)) == {
        "youtube/000": (0, "real", "train", ""),
        "youtube/003": (0, "real", "train", ""),
        "youtube/010": (0, "real", "val", ""),
        "Deepfakes/000_003": (1, "Deepfakes", "train", "youtube/000"),
        "FaceSwap/000_003": (1, "FaceSwap", "train", "youtube/000"),
        "NeuralTextures/011_010": (1, "NeuralTextures", "val", "youtube/011"),
    }
    assert len(rows) == 2 * (2 + 4 * 2)
    gone = rows["Face2Face/003_000"]
    assert (gone.path, gone.size_bytes) == ("manipulated_sequences/Face2Face/c23/videos/003_000.mp4", 0)


@pytest.mark.parametrize("folder", ["raw", "c0"])
def test_ffpp_uncompressed_is_c0_in_a_folder_of_either_name(folder: str, root: Path) -> None:
    plant_ffpp(root)
    path = f"manipulated_sequences/FaceSwap/{folder}/videos/000_003.mp4"
    plant(root, path)
    rows = there(build(root, "ffpp", compression="c0", partial=True))
    assert {row.path for row in rows.values()} == {path, "original_sequences/youtube/raw/videos/000.mp4"}
    assert {row.compression for row in rows.values()} == {"c0"}


def test_ffpp_refuses_missing_lists_and_unlisted_videos(root: Path) -> None:
    plant_ffpp(root)
    plant(root, "original_sequences/youtube/c23/videos/999.mp4")
    assert "999.mp4: video 999 is not in any list in" in refusal(root, "ffpp")
    (root / "original_sequences/youtube/c23/videos/999.mp4").rename(root / "manipulated_sequences/FaceSwap/c23/videos/000_010.mp4")
    assert "000_010.mp4: video 000_010 is not in any list in" in refusal(root, "ffpp")
    (root / "splits/val.json").unlink()
    assert "val.json: not found; the data set's folder should hold original_sequences/youtube" in refusal(root, "ffpp")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[[", "val.json: not valid JSON"),
        ("[" * 100_000, "val.json: not valid JSON"),
        ("9" * 5000, "val.json: not valid JSON"),
        ("{}", "val.json: is not a list of pairs of ids"),
        ('[["010"]]', "val.json: is not a list of pairs of ids"),
        ('[["010", 11]]', "val.json: found 11, but an id has only letters and digits"),
        ('[["010", "../../011"]]', "val.json: found '../../011', but an id has only letters and digits"),
        ('[["000", "010"]]', "val.json: video 000 is in two pairs, of this or several lists"),
    ],
)
def test_ffpp_refuses_a_malformed_list(content: str, message: str, root: Path) -> None:
    plant_ffpp(root)
    (root / "splits/val.json").write_text(content)
    assert message in refusal(root, "ffpp")


def test_a_list_of_more_than_a_gigabyte_is_not_read(root: Path) -> None:
    with (root / "dataset.json").open("w") as file:
        file.truncate(10**9 + 1)  # a hole, which takes no room
    assert "dataset.json: has 1000000001 bytes, but a list may have at most 1000000000; download it again." in refusal(root, "dfdcp")


def test_dfd_pairs_by_actor_and_scene(root: Path) -> None:
    plant(root, "original_sequences/actors/c23/videos/01__walking_down_hall.mp4")
    plant(root, "manipulated_sequences/DeepFakeDetection/c23/videos/01_02__walking_down_hall__ABCDEF.mp4")
    assert brief(build(root, "dfd", partial=True)) == {
        "actors/01__walking_down_hall": (0, "real", "test", ""),
        "DeepFakeDetection/01_02__walking_down_hall__ABCDEF": (1, "DeepFakeDetection", "test", "actors/01__walking_down_hall"),
    }
    assert source_name("28_27__secret_conversation__X1") == "28__secret_conversation"


def test_dfd_videos_of_one_actor_are_of_one_person(root: Path) -> None:
    scenes = ("01__hugging_happy", "01__walking_down_hall", "02__hugging_happy")
    plant(root, *(f"original_sequences/actors/c23/videos/{scene}.mp4" for scene in scenes))
    plant(root, "manipulated_sequences/DeepFakeDetection/c23/videos/01_02__hugging_happy__ABCDEF.mp4")
    assert persons(build(root, "dfd", partial=True)) == {
        "actors/01__hugging_happy": "actors/01",
        "actors/01__walking_down_hall": "actors/01",
        "actors/02__hugging_happy": "actors/02",
    }


@pytest.mark.parametrize("name", ["cdf1", "cdf2"])
def test_celeb_df_takes_the_listed_videos_and_the_sources_of_their_fakes(name: str, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plant(root, "Celeb-real/id0_0000.mp4", "Celeb-real/id5_0001.mp4", "Celeb-real/id9_0009.mp4", "YouTube-real/00001.mp4")
    plant(root, "Celeb-synthesis/id0_id1_0000.mp4", "Celeb-synthesis/id5_id1_0001.mp4")
    lines = [
        "1 YouTube-real/00001.mp4",
        "1 Celeb-real/id0_0000.mp4",
        "0 Celeb-synthesis/id0_id1_0000.mp4",
        "0 Celeb-synthesis/id5_id1_0001.mp4",
    ]
    (root / "List_of_testing_videos.txt").write_text("\n".join(lines) + "\n")
    assert brief(build(root, name, partial=True)) == {
        "YouTube-real/00001": (0, "real", "test", ""),
        "Celeb-real/id0_0000": (0, "real", "test", ""),
        "Celeb-synthesis/id0_id1_0000": (1, "Celeb-synthesis", "test", "Celeb-real/id0_0000"),
        "Celeb-synthesis/id5_id1_0001": (1, "Celeb-synthesis", "test", "Celeb-real/id5_0001"),
        "Celeb-real/id5_0001": (0, "real", "train", ""),
    }
    assert f"index of {name}: 1 other videos in {root} are not listed and were skipped" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"label path\n", "line 1: found 'label path'; each line must be '1 path' for real or '0 path' for fake"),
        (b"1 YouTube-real/a.mp4\n\n2 x.mp4\n", "line 3: found '2 x.mp4'"),
        (b"1 ../a.mp4\n", "line 1: path '../a.mp4' points outside"),
        (b"1\n", "line 1: path '' points outside"),
        (b"1 \xff.mp4\n", "not a readable text file"),
    ],
)
def test_celeb_df_refuses_a_malformed_list(content: bytes, message: str, root: Path) -> None:
    (root / "List_of_testing_videos.txt").write_bytes(content)
    assert message in refusal(root, "cdf2")


def test_cdf2_videos_of_one_celebrity_are_of_one_person(root: Path) -> None:
    plant(root, "Celeb-real/id0_0000.mp4", "Celeb-real/id0_0001.mp4", "Celeb-real/id16_0000.mp4")
    listed = ["Celeb-real/id0_0000.mp4", "Celeb-real/id16_0000.mp4", "YouTube-real/00001.mp4", "Celeb-synthesis/id0_id16_0001.mp4"]
    lines = [f"{int('real' in path)} {path}\n" for path in listed]
    (root / "List_of_testing_videos.txt").write_text("".join(lines))
    rows = build(root, "cdf2", partial=True)
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


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("labels.csv", "filename,label\nt.mp4,fake\n", "line 2: label is 'fake'; it should be 0 or 1"),
        ("labels.csv", "t.mp4,1\n", "has no column 'filename' (found t.mp4, 1); download it again"),
        ("metadata.json", json.dumps({"../../x.mp4": {"label": "REAL"}}), "points outside"),
        ("metadata.json", json.dumps({"\ud800.mp4": {"label": "REAL"}}), "bytes that are not UTF-8"),
        ("metadata.json", json.dumps({"x.mp4": {"label": ["REAL"]}}), "record 'x.mp4': label is ['REAL']; it should be REAL or FAKE"),
        ("metadata.json", json.dumps({"x.mp4": "REAL"}), "does not map file names to records"),
    ],
)
def test_dfdc_refuses_a_malformed_list(file: str, content: str, message: str, root: Path) -> None:
    (root / file).write_text(content)
    assert message in refusal(root, "dfdc")


def test_dfdcp_reads_its_table(root: Path) -> None:
    records = {
        "original_videos/1/a.mp4": {"label": "real", "set": "train", "target_id": 1},
        "method_A/1/b.mp4": {"label": "fake", "set": "test", "target_id": 1},
    }
    (root / "dataset.json").write_text(json.dumps(records))
    plant(root, *records)
    assert brief(build(root, "dfdcp")) == {"original_videos/1/a": (0, "real", "train", ""), "method_A/1/b": (1, "method_A", "test", "")}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"a.mp4": {"label": "real", "set": "validation"}}, "record 'a.mp4': label 'real' and set 'validation'"),
        ({"a.mp4": {"label": {}, "set": []}}, "record 'a.mp4': label {} and set []"),
        ([], "does not map file names to records"),
    ],
)
def test_dfdcp_refuses_a_malformed_table(content: object, message: str, root: Path) -> None:
    (root / "dataset.json").write_text(json.dumps(content))
    assert message in refusal(root, "dfdcp")


def test_dfdcp_real_videos_of_one_actor_are_of_one_person(root: Path) -> None:
    records = {
        "original_videos/1/a.mp4": {"label": "real", "set": "train", "target_id": 1},
        "original_videos/1/b.mp4": {"label": "real", "set": "train", "target_id": "1"},
        "original_videos/0/c.mp4": {"label": "real", "set": "train", "target_id": 0},
        "original_videos/d.mp4": {"label": "real", "set": "train", "target_id": None},
        "method_A/1/e.mp4": {"label": "fake", "set": "train", "target_id": 1},
    }
    (root / "dataset.json").write_text(json.dumps(records))
    rows = build(root, "dfdcp", partial=True)
    assert persons(rows) == {"original_videos/1/a": "1", "original_videos/1/b": "1", "original_videos/0/c": "0"}
    assert rows["original_videos/d"].person == "original_videos/d"


def test_dfw_takes_every_folder_of_images_at_any_depth(root: Path) -> None:
    plant(
        root, "real_train/0/7/0.png", "real_train/0/7/12.png", "real_test/1/real/3/0.png", "fake_train/4/0.jpg", "fake_test/2/fake/9/1.png"
    )
    plant(root, "fake_test/2/readme.txt", "fake_test/2/.cache/0.png", "other/0/1/0.png")
    rows = build(root, "dfw", partial=True)
    assert brief(rows) == {
        "real_train/0/7": (0, "real", "train", ""),
        "real_test/1/real/3": (0, "real", "test", ""),
        "fake_train/4": (1, "WildDeepfake", "train", ""),
        "fake_test/2/fake/9": (1, "WildDeepfake", "test", ""),
    }
    assert all(row.path == name and row.size_bytes > 0 and row.digest for name, row in rows.items())
