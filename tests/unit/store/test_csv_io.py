"""CSV tables: exact floats, fixed columns, and one sentence for missing files or columns."""

from pathlib import Path

import pytest

from laanet_core.datasets.index import COLUMNS, IndexRow, read_index, write_index
from laanet_core.errors import LaanetError
from laanet_core.store.csv_io import read_table, write_table


def test_floats_come_back_exactly_and_nan_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    write_table(path, ["a", "b"], [{"a": 0.1 + 0.2, "b": float("nan")}, {"a": 1e-300, "b": None}])
    rows = read_table(path, ["a", "b"])
    assert [float(row["a"]) for row in rows] == [0.1 + 0.2, 1e-300]
    assert [row["b"] for row in rows] == ["", ""]


def test_a_missing_file_and_a_missing_column_are_named(tmp_path: Path) -> None:
    with pytest.raises(LaanetError, match="not found"):
        read_table(tmp_path / "none.csv", ["a"])
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(LaanetError, match="no column 'c'"):
        read_table(tmp_path / "t.csv", ["a", "c"])


def row(video_id: str, path: str) -> IndexRow:
    return IndexRow(video_id, path, 0, "real", "", "test", "", video_id, 10, "00")


def test_an_index_is_sorted_and_comes_back_as_written(tmp_path: Path) -> None:
    rows = [row("b/2", "b/2.mp4"), row("a/1", "a/1.mp4")]
    write_index(tmp_path / "i.csv", rows)
    assert read_index(tmp_path / "i.csv") == sorted(rows, key=lambda r: r.video_id)


def test_two_files_with_one_video_id_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LaanetError, match=r"a\.mov and a\.mp4|a\.mp4 and a\.mov"):
        write_index(tmp_path / "i.csv", [row("a", "a.mp4"), row("a", "a.mov")])


def test_a_malformed_index_is_one_sentence(tmp_path: Path) -> None:
    header = ",".join(COLUMNS)
    (tmp_path / "i.csv").write_text(f"{header}\na,a.mp4,maybe,real,,test,,a,1,0\n")
    with pytest.raises(LaanetError, match="malformed index"):
        read_index(tmp_path / "i.csv")
