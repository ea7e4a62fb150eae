"""Score CSVs of other people's detectors: what `laanet compare` takes, and that it refuses the rest in one sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from laanet_core.reporting.comparison.score_files import MAX_BYTES, MAX_VIDEOS
from tests.helpers.score_files import compare, scored, sentence, write_scores


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return write_scores(tmp_path / "good.csv", scored(1, 1.0))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "has no column 'video_id' (the file is empty); its first line must name video_id and score"),
        (b"video_id,score\n", "has no row below its header"),
        (b"video,score\na,1\n", "has no column 'video_id' (found 'video, score')"),
        (b"video_id,label\na,1\n", "has no column 'score'"),
        (b"video_id,score,score\na,1,1\n", "has the column 'score' more than once"),
        (b"video_id,score\na,0.5\nb,nan\n", "line 3: score 'nan' must be a finite number, or empty"),
        (b"video_id,score\na,-inf\n", "line 2: score '-inf' must be a finite number"),
        (b"video_id,score\na,1e999\n", "line 2: score '1e999' must be a finite number"),
        (b"video_id,score\na,high\n", "line 2: score 'high' must be a finite number"),
        (b"video_id,score,mask_ssim\na,1,x\n", "line 2: mask_ssim 'x' must be a finite number"),
        (b"video_id,score\na,0.5\na,0.6\n", "line 3: video_id 'a' is there a second time; keep one row a video"),
        (b"video_id,score\n,0.5\n", "line 2: video_id is empty"),
        (b"video_id,score,label\na,0.5,fake\n", "line 2: label 'fake' must be 0 (real) or 1 (fake)"),
        (b"video_id,score\na,0.5,1\n", "line 2: row 'a,0.5' does not have the header's 2 cells"),
        (b"video_id,score,label\na,0.5\n", "line 2: row 'a,0.5' does not have the header's 3 cells"),
        (b"video_id,score\n\xff\xfe,1\n", "is no UTF-8 text (byte 15)"),
        (b'video_id,score\n"a"b,1\n', "line 2: is no CSV"),
        (b'video_id,score\n"a,1\n', "is no CSV"),
        (b"video_id,score\na\x1b[31m,1\n", "line 2: video_id 'a\\x1b[31m' must be at most 500 letters without control characters"),
        (b'video_id,score\n"a\nb",1\n', "line 3: video_id 'a\\nb' must be"),
        (b"video_id,score,method\na,1,\x07\n", "line 2: method '\\x07' must be"),
        (b"video_id,score\n" + b"a" * 501 + b",1\n", "must be at most 500 letters"),
        (b"video_id,score\n" + b"a" * 200_000 + b",1\n", "is no CSV (field larger"),
        (b"a" * 100_000, "has no column 'video_id'"),
        (b"PK\x03\x04\x00\x00", "has no column 'video_id'"),
    ],
)  # fmt: skip
def test_what_is_no_score_file_is_one_short_sentence(tmp_path: Path, good: Path, data: bytes, words: str) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_bytes(data)
    for order in ([good, bad], [bad, good]):
        said = sentence(*order)
        assert words in said
        assert str(bad) in said
        assert len(said) < len(str(bad)) + 250
        assert said[:-1].isprintable()


def test_files_too_large_to_be_scores_are_refused_before_they_are_read_whole(tmp_path: Path, good: Path) -> None:
    huge, many = tmp_path / "huge.csv", tmp_path / "many.csv"
    with huge.open("wb") as file:
        file.truncate(100 * MAX_BYTES)
    assert "is larger than 67.1 MB" in sentence(good, huge)
    many.write_text("video_id,score\n" + "".join(f"{number},0\n" for number in range(MAX_VIDEOS + 1)))
    assert "is beyond the 500,000 videos" in sentence(good, many)


def test_files_that_are_not_there_or_no_files_are_one_sentence(tmp_path: Path, good: Path) -> None:
    assert "is no file; if it is a revision or an experiment, give --dataset" in sentence(good, tmp_path / "gone.csv")
    assert "is no file" in sentence(good, tmp_path)
    assert "is one detector alone; name two or more" in sentence(good)
    assert "is given twice" in sentence(good, good)
    assert "'': is no file" in sentence(good, "")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_one_sentence(tmp_path: Path, good: Path) -> None:
    closed = write_scores(tmp_path / "closed.csv", scored(1, 1.0))
    closed.chmod(0)
    assert "Permission denied" in sentence(good, closed)


def test_csvs_as_spreadsheets_write_them_are_taken(tmp_path: Path, good: Path) -> None:
    text = write_scores(tmp_path / "plain.csv", scored(2, 1.0), ["video_id", "score", "note"]).read_text()
    sheet = tmp_path / "sheet.csv"
    sheet.write_bytes(b"\xef\xbb\xbf" + text.replace(",\n", ',"two\nlines, and a comma"\n').replace("\n", "\r\n").encode())
    assert compare(good, sheet).status == 0
    assert compare(good, sheet).out.count("sheet against good: AUC") == 1


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["a.csv", "b.csv"], ["a", "b"]),
        (["reports/cdf2/scores.csv", "other.csv"], ["cdf2", "other"]),
        (["one/reports/cdf2/scores.csv", "two/reports/cdf2/scores.csv", "c.csv"], ["one/reports/cdf2", "two/reports/cdf2", "c"]),
        (["x/a.csv", "y/a.csv"], ["x/a", "y/a"]),
        (["a.csv", "a.txt"], ["a.csv", "a.txt"]),
        (["scores.csv", "a.csv"], ["scores", "a"]),
    ],
)
def test_detectors_are_called_by_the_shortest_names_that_differ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: list[str], names: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(files):
        write_scores(Path(name), scored(number, 1.0))
    lines = compare(*files).out.splitlines()
    assert lines[: len(files)] == [f"{name}: {file}, 70 videos" for name, file in zip(names, files, strict=True)]
    given = compare(*files, "--names", ",".join("xyz"[: len(files)])).out.splitlines()
    assert [line.partition(":")[0] for line in given[: len(files)]] == list("xyz"[: len(files)])
