"""Score CSVs of any detector: `laanet compare` reads valid files and refuses others with one sentence."""

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
        (b"video_id,score\n", "has no rows below its header"),
        (b"video,score\na,1\n", "has no column 'video_id' (found 'video, score')"),
        (b"video_id,label\na,1\n", "has no column 'score'"),
        (b"video_id,score,score\na,1,1\n", "has the column 'score' more than once"),
        (b"video_id,score\na,0.5\nb,nan\n", "line 3: score 'nan' must be a finite number, or empty"),
        (b"video_id,score\na,-inf\n", "line 2: score '-inf' must be a finite number"),
        (b"video_id,score\na,1e999\n", "line 2: score '1e999' must be a finite number"),
        (b"video_id,score\na,high\n", "line 2: score 'high' must be a finite number"),
        (b"video_id,score,mask_ssim\na,1,x\n", "line 2: mask_ssim 'x' must be a finite number"),
        (b"video_id,score\na,0.5\na,0.6\n", "line 3: video_id 'a' occurs twice; keep one row per video"),
        (b"video_id,score\n,0.5\n", "line 2: video_id is empty"),
        (b"video_id,score,label\na,0.5,fake\n", "line 2: label 'fake' must be 0 (real) or 1 (fake)"),
        (b"video_id,score\na,0.5,1\n", "line 2: row 'a,0.5' does not have 2 cells like the header"),
        (b"video_id,score,label\na,0.5\n", "line 2: row 'a,0.5' does not have 3 cells like the header"),
        (b"video_id,score\n\xff\xfe,1\n", "is not UTF-8 text (byte 15)"),
        (b'video_id,score\n"a"b,1\n', "line 2: is not a valid CSV"),
        (b'video_id,score\n"a,1\n', "is not a valid CSV"),
        (b"video_id,score\na\x1b[31m,1\n", "line 2: video_id 'a\\x1b[31m' must have at most 500 characters and no control characters"),
        (b'video_id,score\n"a\nb",1\n', "line 3: video_id 'a\\nb' must have"),
        (b"video_id,score,method\na,1,\x07\n", "line 2: method '\\x07' must have"),
        (b"video_id,score\n" + b"a" * 501 + b",1\n", "must have at most 500 characters"),
        (b"video_id,score\n" + b"a" * 200_000 + b",1\n", "is not a valid CSV (field larger"),
        (b"a" * 100_000, "has no column 'video_id'"),
        (b"PK\x03\x04\x00\x00", "has no column 'video_id'"),
    ],
)  # fmt: skip
def test_an_invalid_score_file_is_reported_in_one_short_sentence(tmp_path: Path, good: Path, data: bytes, words: str) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_bytes(data)
    for order in ([good, bad], [bad, good]):
        message = sentence(*order)
        assert words in message
        assert str(bad) in message
        assert len(message) < len(str(bad)) + 250
        assert message[:-1].isprintable()


def test_too_large_files_are_refused_without_reading_them_completely(tmp_path: Path, good: Path) -> None:
    huge, many = tmp_path / "huge.csv", tmp_path / "many.csv"
    with huge.open("wb") as file:
        file.truncate(100 * MAX_BYTES)
    assert "is larger than 67.1 MB" in sentence(good, huge)
    many.write_text("video_id,score\n" + "".join(f"{number},0\n" for number in range(MAX_VIDEOS + 1)))
    assert "exceeds the maximum of 500,000 videos" in sentence(good, many)


def test_missing_files_and_folders_are_reported_in_one_sentence(tmp_path: Path, good: Path) -> None:
    assert "is not a file; if it is a revision or an experiment, give --dataset" in sentence(good, tmp_path / "gone.csv")
    assert "is not a file" in sentence(good, tmp_path)
    assert "is only one detector; give two or more" in sentence(good)
    assert "is given twice" in sentence(good, good)
    assert "'': is neither a file nor a revision" in sentence(good, "")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_read_permission_is_reported_in_one_sentence(tmp_path: Path, good: Path) -> None:
    closed = write_scores(tmp_path / "closed.csv", scored(1, 1.0))
    closed.chmod(0)
    assert "Permission denied" in sentence(good, closed)


def test_csvs_written_by_spreadsheets_are_read(tmp_path: Path, good: Path) -> None:
    text = write_scores(tmp_path / "plain.csv", scored(2, 1.0), ["video_id", "score", "note"]).read_text()
    sheet = tmp_path / "sheet.csv"
    sheet.write_bytes(b"\xef\xbb\xbf" + text.replace(",\n", ',"two\nlines, and a comma"\n').replace("\n", "\r\n").encode())
    assert compare(good, sheet).status == 0
    assert compare(good, sheet).out.count("sheet minus good: AUC") == 1


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
def test_detectors_are_named_by_the_shortest_unique_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: list[str], names: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(files):
        write_scores(Path(name), scored(number, 1.0))
    lines = compare(*files).out.splitlines()
    assert lines[: len(files)] == [f"{name}: {file}, 70 videos" for name, file in zip(names, files, strict=True)]
    given = compare(*files, "--names", ",".join("xyz"[: len(files)])).out.splitlines()
    assert [line.partition(":")[0] for line in given[: len(files)]] == list("xyz"[: len(files)])
