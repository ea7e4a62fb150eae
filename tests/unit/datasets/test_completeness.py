"""Data sets of real size: complete ones pass, incomplete ones are reported in one sentence, and accepted with `partial`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from laanet_core.datasets.index import IndexRow, read_index, write_index
from laanet_core.datasets.layouts import LAYOUTS
from laanet_core.errors import LaanetError
from tests.helpers.layout_trees import (
    METHODS,
    build,
    plant,
    plant_complete_cdf2,
    plant_complete_dfd,
    plant_complete_ffpp,
    plant_dfw,
    there,
)

pytestmark = pytest.mark.slow


def counts(rows: Mapping[str, IndexRow]) -> dict[str, int]:
    """Number of rows of each split and label."""
    return dict(Counter(f"{row.split} {'fake' if row.label else 'real'}" for row in rows.values()))


def refusal(root: Path, name: str, **params: object) -> str:
    """The sentence that a folder is refused with; it ends with the remedy and the tree expected."""
    with pytest.raises(LaanetError) as error:
        build(root, name, **params)
    remedy = (
        f"; copy the rest, or set datasets.{name}.partial to true to continue without them; the folder should hold {LAYOUTS[name].tree}."
    )
    assert str(error.value).endswith(remedy)
    return str(error.value).removesuffix(remedy)


@pytest.mark.parametrize(("compression", "folder"), [("c23", "c23"), ("c40", "c40"), ("c0", "raw")])
def test_a_complete_ffpp_has_140_real_and_560_fake_test_videos(compression: str, folder: str, root: Path) -> None:
    plant_complete_ffpp(root, folder)
    rows = build(root, "ffpp", compression=compression)
    assert counts(rows) == {
        "train real": 720, "train fake": 2880, "val real": 140, "val fake": 560, "test real": 140, "test fake": 560,
    }  # fmt: skip
    assert Counter(row.method for row in rows.values()) == {"real": 1000, **dict.fromkeys(METHODS, 1000)}
    assert {row.compression for row in rows.values()} == {compression}
    assert all(rows[row.source_id].split == row.split for row in rows.values() if row.label)
    write_index(root / "i.csv", list(rows.values()))
    assert len(read_index(root / "i.csv")) == 5000


def test_a_half_copied_ffpp_reports_missing_videos_by_folder_and_has_rows_for_them_with_partial(root: Path) -> None:
    plant_complete_ffpp(root, "c23")
    (root / "manipulated_sequences/FaceSwap").rename(root.parent / "elsewhere")
    videos = root / "original_sequences/youtube/c23/videos"
    (videos / "000.mp4").unlink()
    (videos / "001.mp4").write_bytes(b"")
    (videos / "002.mp4").unlink()
    (videos / "002.mp4").mkdir()
    sentence = refusal(root, "ffpp")
    assert sentence.startswith(
        f"datasets.ffpp: 1003 of 5000 videos are missing or empty in '{root}' (all 1000 in manipulated_sequences/FaceSwap/c23"
    )
    assert "3 of 1000 in original_sequences/youtube/c23/videos), the first is original_sequences/youtube/c23/videos/00" in sentence
    rows = build(root, "ffpp", partial=True)
    assert len(rows) == 5000
    assert len(there(rows)) == 5000 - 1003 + 2  # an empty file and an empty folder have digests
    assert {(row.size_bytes, row.digest) for row in rows.values() if row.method == "FaceSwap"} == {(0, "")}


def test_ffpp_with_another_compression_than_requested_is_entirely_missing(root: Path) -> None:
    plant_complete_ffpp(root, "c40")
    assert "5000 of 5000 videos are missing" in refusal(root, "ffpp", compression="c23")


def test_ffpp_with_a_truncated_list_is_detected_by_the_published_counts(root: Path) -> None:
    plant_complete_ffpp(root, "c23")
    pairs = json.loads((root / "splits/test.json").read_text())
    (root / "splits/test.json").write_text(json.dumps(pairs[:69]))
    one, two = pairs[69]
    for path in [*root.rglob(f"{one}*.mp4"), *root.rglob(f"{two}*.mp4")]:
        path.unlink()
    sentence = refusal(root, "ffpp")
    assert "552 test fake, 138 test real" in sentence
    assert (
        "but the published data set has 720 train real, 2880 train fake, 140 val real, 560 val fake, 140 test real, 560 test fake"
        in sentence
    )
    assert counts(build(root, "ffpp", partial=True))["test real"] == 138


def test_a_complete_cdf2_test_list_has_178_real_and_340_fake_videos(root: Path) -> None:
    plant_complete_cdf2(root)
    assert counts(build(root, "cdf2")) == {"test real": 178, "test fake": 340}
    plant(root, "Celeb-real/id3_0001.mp4", "Celeb-real/id3_0099.mp4")
    rows = build(root, "cdf2")
    assert counts(rows) == {"test real": 178, "test fake": 340, "train real": 1}
    assert rows["Celeb-synthesis/id3_id4_0001"].source_id == "Celeb-real/id3_0001"


def test_a_half_copied_cdf2_and_a_truncated_list_are_reported(root: Path) -> None:
    plant_complete_cdf2(root)
    lines = (root / "List_of_testing_videos.txt").read_text().splitlines()
    (root / "List_of_testing_videos.txt").write_text("\n".join(lines[:-1]))
    assert "has 517 in all, 339 test fake, 178 test real, but the published data set has 178 test real, 340 test fake" in refusal(
        root, "cdf2"
    )
    (root / "List_of_testing_videos.txt").write_text("\n".join(lines))
    (root / "Celeb-synthesis").rename(root.parent / "elsewhere")
    assert "340 of 518 videos are missing or empty" in refusal(root, "cdf2")
    rows = build(root, "cdf2", partial=True)
    assert (len(rows), len(there(rows))) == (518, 178)


def test_celeb_df_v1_accepts_a_list_of_any_length_and_reports_missing_videos(root: Path) -> None:
    plant(root, "Celeb-real/id0_0000.mp4")
    (root / "List_of_testing_videos.txt").write_text("1 Celeb-real/id0_0000.mp4\n0 Celeb-synthesis/id0_id1_0000.mp4\n")
    sentence = refusal(root, "cdf1")
    assert "1 of 2 videos are missing or empty" in sentence
    assert "(all 1 in Celeb-synthesis), the first is Celeb-synthesis/id0_id1_0000.mp4" in sentence
    plant(root, "Celeb-synthesis/id0_id1_0000.mp4")
    assert counts(build(root, "cdf1")) == {"test real": 1, "test fake": 1}


def test_a_complete_dfd_has_363_real_and_3068_fake_videos_and_fewer_are_reported(root: Path) -> None:
    plant_complete_dfd(root)
    rows = build(root, "dfd", compression="c40")
    assert counts(rows) == {"test real": 363, "test fake": 3068}
    (root / rows["actors/00__scene0"].path).unlink()
    sentence = refusal(root, "dfd", compression="c40")
    assert "has 3430 in all, 3068 test fake, 362 test real, but the published data set has 363 test real, 3068 test fake" in sentence
    assert len(build(root, "dfd", compression="c40", partial=True)) == 3430


def test_an_empty_dfd_video_is_reported(root: Path) -> None:
    plant_complete_dfd(root)
    (root / "original_sequences/actors/c40/videos/00__scene0.mp4").write_bytes(b"")
    assert "1 of 3431 videos are missing or empty" in refusal(root, "dfd", compression="c40")


def test_a_complete_dfw_has_7314_sequences_and_fewer_are_reported(root: Path) -> None:
    plant_dfw(root, 7313)
    assert "1828 train fake, 1829 train real, but the published data set has 7314 in all" in refusal(root, "dfw")
    assert len(build(root, "dfw", partial=True)) == 7313
    plant(root, "fake_test/9/last/0.png")
    assert len(build(root, "dfw")) == 7314


def test_a_half_copied_dfdc_is_detected_by_its_labels_and_metadata(root: Path) -> None:
    (root / "labels.csv").write_text("filename,label\na.mp4,1\nb.mp4,0\n")
    plant(root, "a.mp4", "dfdc_train_part_0/r.mp4")
    records = {"f.mp4": {"label": "FAKE", "original": "r.mp4"}, "r.mp4": {"label": "REAL"}}
    (root / "dfdc_train_part_0/metadata.json").write_text(json.dumps(records))
    sentence = refusal(root, "dfdc")
    assert "2 of 4 videos are missing or empty" in sentence
    assert "(1 of 2 in the top folder, 1 of 2 in dfdc_train_part_0), the first is b.mp4" in sentence
    rows = build(root, "dfdc", partial=True)
    assert set(rows) - set(there(rows)) == {"b", "dfdc_train_part_0/f"}


def test_a_half_copied_dfdcp_names_the_worst_folders_and_counts_the_others(root: Path) -> None:
    names = [f"method_A/{actor}/{video}.mp4" for actor in range(6) for video in range(actor + 1)]
    (root / "dataset.json").write_text(json.dumps({name: {"label": "fake", "set": "test"} for name in [*names, "method_B/0/0.mp4"]}))
    plant(root, "method_B/0/0.mp4")
    sentence = refusal(root, "dfdcp")
    assert "21 of 22 videos are missing or empty" in sentence
    assert "(all 6 in method_A/5, all 5 in method_A/4, all 4 in method_A/3, all 3 in method_A/2 and more in 2 other folders)" in sentence
    assert len(there(build(root, "dfdcp", partial=True))) == 1
