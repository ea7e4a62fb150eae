"""Lists of DeepfakeBench: labels, splits, compressions, and folders at other paths than on the authors' machine."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laanet_core.datasets.deepfakebench import label_of
from laanet_core.errors import LaanetError
from tests.helpers.layout_trees import brief, build, plant, there

FFPP = "FaceForensics++/original_sequences/youtube/c23/frames"


def listed(root: Path, content: object, **params: object) -> dict[str, Any]:
    """Rows of a list."""
    (root / "list.json").write_text(json.dumps(content))
    return build(root, "bench", layout="deepfakebench", listing="list.json", **params)


def refusal(root: Path, content: object, **params: object) -> str:
    """The sentence that a list is refused with."""
    with pytest.raises(LaanetError) as error:
        listed(root, content, **params)
    return str(error.value)


def record(label: str, *frames: str) -> dict[str, object]:
    return {"label": label, "frames": list(frames)}


def one(*frames: str, label: str = "CelebDFv2_real", video: str = "v") -> dict[str, Any]:
    """A list of one test video."""
    return {"Celeb-DF-v2": {label: {"test": {video: record(label, *frames)}}}}


def test_labels_splits_and_methods_come_from_the_list(root: Path) -> None:
    plant(
        root,
        *(f"Celeb-DF-v2/{folder}/00{frame}.png" for folder in ("Celeb-real/frames/a", "Celeb-synthesis/frames/a_b") for frame in (0, 1)),
    )
    frames = {folder: [f"Celeb-DF-v2/{folder}/000.png"] for folder in ("Celeb-real/frames/a", "Celeb-synthesis/frames/a_b")}
    content = {
        "Celeb-DF-v2": {
            "CelebDFv2_real": {"train": {"a": record("CelebDFv2_real", *frames["Celeb-real/frames/a"])}, "val": {}, "test": {}},
            "CelebDFv2_fake": {"test": {"a_b": record("CelebDFv2_fake", *frames["Celeb-synthesis/frames/a_b"])}},
        }
    }
    rows = listed(root, content)
    assert brief(rows) == {
        "Celeb-DF-v2/Celeb-real/frames/a": (0, "real", "train", ""),
        "Celeb-DF-v2/Celeb-synthesis/frames/a_b": (1, "CelebDFv2_fake", "test", ""),
    }
    assert {row.compression for row in rows.values()} == {""}
    assert rows["Celeb-DF-v2/Celeb-real/frames/a"].size_bytes == 2 * len("Celeb-DF-v2/Celeb-real/frames/a/000.png")


def test_the_requested_compression_is_used_and_never_replaced_by_another(root: Path) -> None:
    for level in ("c23", "c40", "raw"):
        plant(root, f"FaceForensics++/{level}/frames/000/0.png")
    levels = {level: {"000": record("FF-real", f"FaceForensics++/{level}/frames/000/0.png")} for level in ("c23", "c40", "raw")}
    content = {"FaceForensics++": {"FF-real": {"test": levels}}}
    for compression, folder in {"c23": "c23", "c40": "c40", "c0": "raw"}.items():
        (row,) = listed(root, content, compression=compression).values()
        assert (row.path, row.compression) == (f"FaceForensics++/{folder}/frames/000", compression)
    del levels["c23"]
    assert "test: has no compression c23, only c40, raw; set compression to one of them." in refusal(root, content)


@pytest.mark.parametrize(
    "frame",
    [
        f"{FFPP}/000/01.png",
        f"./{FFPP}/000/01.png",
        FFPP.replace("/", "\\") + "\\000\\01.png",
        f"/home/makers/datasets/rgb/{FFPP}/000/01.png",
        "E:\\makers\\rgb\\" + FFPP.replace("/", "\\") + "\\000\\01.png",
        "original_sequences/youtube/c23/frames/000/01.png",
    ],
)
def test_folders_are_found_below_any_prefix_in_the_list(frame: str, root: Path) -> None:
    plant(root, f"{FFPP}/000/01.png")
    content = {"FaceForensics++": {"FF-real": {"test": {"000": record("FF-real", frame)}}}}
    assert list(there(listed(root, content))) == [f"{FFPP}/000"]


@pytest.mark.parametrize("before", ["FaceForensics++/", "set/", "", "/home/makers/FaceForensics++/", "/set/original_sequences/"])
def test_folders_are_found_when_the_root_is_the_data_set_itself(before: str, root: Path) -> None:
    plant(root, "original_sequences/frames/000/01.png")
    content = {"FaceForensics++": {"FF-real": {"test": {"000": record("FF-real", f"{before}original_sequences/frames/000/01.png")}}}}
    assert list(there(listed(root, content))) == ["original_sequences/frames/000"]


def test_a_video_of_several_splits_is_one_row_of_test_before_val_before_train(root: Path) -> None:
    plant(root, *(f"DFDCP/{name}/0.png" for name in "abc"))
    of = {name: record("DFDCP_Real", f"DFDCP/{name}/0.png") for name in "abc"}
    splits = {"train": of, "val": {"a": of["a"], "b": of["b"]}, "test": {"a": of["a"]}}
    rows = listed(root, {"DFDCP": {"DFDCP_Real": splits}})
    assert {name: row.split for name, row in rows.items()} == {"DFDCP/a": "test", "DFDCP/b": "val", "DFDCP/c": "train"}


def test_videos_of_one_name_in_different_folders_are_different_videos(root: Path) -> None:
    plant(root, "FF/Deepfakes/000_003/0.png", "FF/FaceSwap/000_003/0.png")
    content = {
        "FF": {
            "FF-DF": {"test": {"000_003": record("FF-DF", "FF/Deepfakes/000_003/0.png")}},
            "FF-FS": {"test": {"000_003": record("FF-FS", "FF/FaceSwap/000_003/0.png")}},
        }
    }
    assert {row.method for row in listed(root, content).values()} == {"FF-DF", "FF-FS"}


@pytest.mark.parametrize("absolute", [False, True])
def test_missing_folders_are_reported_and_become_rows_with_partial(absolute: bool, root: Path) -> None:
    plant(root, "DFD/frames/a/0.png", "DFD/frames/empty/notes.txt")
    before = "/data/makers/" if absolute else ""
    videos = {name: record("DFD_fake", f"{before}DFD/frames/{name}/0.png") for name in ("a", "gone", "empty")} | {
        "none": record("DFD_fake")
    }
    content = {"DFD": {"DFD_fake": {"test": videos}}}
    sentence = refusal(root, content)
    assert "3 of 4 videos are missing or empty" in sentence
    assert "set datasets.bench.partial to true" in sentence
    rows = listed(root, content, partial=True)
    assert set(rows) == {"DFD/frames/a", "DFD/frames/gone", "DFD/frames/empty", "DFD_fake/none"}
    assert (rows["DFD/frames/gone"].size_bytes, rows["DFD/frames/gone"].digest) == (0, "")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "list.json: expected a JSON object, found '[]'"),
        ({"A": 3}, "list.json, A: expected a JSON object, found '3'"),
        ({"A": {"real": {"training": {}}}}, "A, real, training: 'training' is not a split; use train, val or test."),
        ({"A": {"real": {"test": {"v": ["x/0.png"]}}}}, "A, real, test, 'v': expected a JSON object, found \"['x/0.png']\""),
        ({"A": {"real": {"test": {"v": {"label": "real"}}}}}, "'v': has no list of frame paths"),
        ({"A": {"real": {"test": {"v": {"frames": [1]}}}}}, "'v': has no list of frame paths"),
        (one("a/0.png", label="Celeb"), "'v': label 'Celeb' is neither real nor fake; rename it in the list"),
        ({"A": {"A_real": {"test": {"v": record("A_fake", "a/0.png")}}}}, "'v': its label is 'A_fake', but it is listed under 'A_real'"),
        (one("a/0.png", "b/1.png"), "'v': its frames are in several folders, a and b; list one folder per video."),
        (one("../../etc/0.png"), "'v': path '../../etc' points outside"),
        (one("0.png"), "'v': its frames are not in a folder"),
        (one(video="../../v"), "path 'CelebDFv2_real/../../v' points outside"),
        (one("a\nb/0.png"), "'a\\nb' has a line break"),
        (one("\ud800/0.png"), "bytes that are not UTF-8"),
        (one(f"{'x' * 300}/0.png"), "is too long"),
    ],
)
def test_a_malformed_list_is_one_sentence_that_names_the_place(content: object, message: str, root: Path) -> None:
    assert message in refusal(root, content, partial=True)


def test_one_folder_under_both_labels_is_refused(root: Path) -> None:
    content = {"A": {label: {"test": {"v": record(label, "A/v/0.png")}} for label in ("A_real", "A_fake")}}
    assert "its folder A/v is also listed with the opposite label; correct the list." in refusal(root, content, partial=True)


def test_a_list_that_is_not_named_or_not_there_is_a_sentence(root: Path) -> None:
    with pytest.raises(LaanetError, match="needs its JSON list; set listing to that file"):
        build(root, "bench", layout="deepfakebench")
    with pytest.raises(LaanetError, match=r"gone\.json: not found; the data set's folder should hold the folders of images"):
        build(root, "bench", layout="deepfakebench", listing="gone.json")


def test_a_list_may_be_outside_the_root(root: Path) -> None:
    plant(root, "Celeb-DF-v2/frames/a/0.png")
    (root.parent / "elsewhere.json").write_text(json.dumps(one("Celeb-DF-v2/frames/a/0.png")))
    assert len(build(root, "bench", layout="deepfakebench", listing=str(root.parent / "elsewhere.json"))) == 1


@pytest.mark.parametrize(
    "label", ["FF-DF", "FF-F2F", "FF-FS", "FF-NT", "FF-SH", "FF-FH", "DeepFakeDetection", "Deepfakes", "Face2Face", "FaceShifter"]
)
def test_known_methods_are_fakes(label: str) -> None:
    assert label_of(label, "here") == 1


@given(name=st.text(string.ascii_letters + string.digits, min_size=1), mark=st.sampled_from("-_"), upper=st.booleans())
def test_a_label_whose_last_word_is_real_is_real_and_one_with_fake_in_it_is_fake(name: str, mark: str, upper: bool) -> None:
    assert label_of(f"{name}{mark}{'Real' if upper else 'real'}", "here") == 0
    assert label_of(f"{name}{mark}{'FAKE' if upper else 'fake'}A", "here") == 1
