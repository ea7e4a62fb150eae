"""Reading of score CSVs, of our own evaluation or of any other detector: the score and the metadata of each video."""

from __future__ import annotations

import csv
import hashlib
import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from laanet_core.errors import LaanetError
from laanet_core.store.sizes import in_words

REQUIRED = ("video_id", "score")
LABELS = {"0": 0, "1": 1, "": None}
MAX_BYTES, MAX_VIDEOS, MAX_LETTERS = 64 * 2**20, 500_000, 500
"""Limits of a file, its rows and a text in it. Score CSVs are far below them; other files are refused before they fill the memory."""
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
SHOWN = 60
"""Characters of a text from a file that an error message quotes."""


class ScoredVideo(NamedTuple):
    """One row. label: 1 fake, 0 real; score: higher is more likely fake; fields without a value in the file are None or empty."""

    label: int | None
    score: float | None
    method: str
    mask_ssim: float | None
    bin: str
    split: str
    status: str


@dataclass(frozen=True)
class ScoreFile:
    """Scores of one detector. source: the file's name for messages; digest: SHA-256 of the file; videos: by video_id."""

    source: str
    digest: str
    columns: tuple[str, ...]
    videos: dict[str, ScoredVideo]

    @property
    def has_probabilities(self) -> bool:
        """Whether every score is in the range 0 to 1."""
        return all(0 <= video.score <= 1 for video in self.videos.values() if video.score is not None)


def parse_scores(data: bytes, source: str) -> ScoreFile:
    """Parse a CSV with at least the columns video_id and score; an empty score means that the video was not scored.

    Raises LaanetError with the source, the line and the value of anything invalid.
    """
    if len(data) > MAX_BYTES:
        raise LaanetError(f"{source}: is larger than {in_words(MAX_BYTES)}; give a CSV with one row per video.")
    reader = csv.DictReader(io.StringIO(_text(data, source), newline=""), strict=True)
    try:
        columns = tuple(reader.fieldnames or ())
        _check_columns(columns, source)
        videos: dict[str, ScoredVideo] = {}
        for where, row in _rows(reader, source):
            name = _word(row, "video_id", where)
            if not name or name in videos:
                fault = f"video_id {_quoted(name)} occurs twice; keep one row per video" if name else "video_id is empty; name the video"
                raise LaanetError(f"{where}: {fault}.")
            videos[name] = _video(row, where)
    except csv.Error as error:
        raise LaanetError(f"{source}, line {reader.reader.line_num}: is not a valid CSV ({error}).") from None
    if not videos:
        raise LaanetError(f"{source}: has no rows below its header; give a file with scores.")
    return ScoreFile(source, hashlib.sha256(data).hexdigest(), columns, videos)


def _text(data: bytes, source: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LaanetError(f"{source}: is not UTF-8 text (byte {error.start}); save it as CSV in UTF-8.") from None


def _check_columns(columns: tuple[str, ...], source: str) -> None:
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        header = f"found {_quoted(', '.join(columns))}" if columns else "the file is empty"
        raise LaanetError(f"{source}: has no column '{missing[0]}' ({header}); its first line must name video_id and score.")
    twice = [name for name in ScoredVideo._fields + REQUIRED[:1] if columns.count(name) > 1]
    if twice:
        raise LaanetError(f"{source}: has the column '{twice[0]}' more than once; keep one.")


def _rows(reader: csv.DictReader[str], source: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Rows, each with its place for messages; raises LaanetError for a row whose length differs from the header, and for too many rows."""
    n_columns = len(reader.fieldnames or ())
    for number, row in enumerate(reader):
        where = f"{source}, line {reader.line_num}"
        if number == MAX_VIDEOS:
            raise LaanetError(f"{where}: exceeds the maximum of {MAX_VIDEOS:,} videos; give fewer.")
        cells = [cell for cell in row.values() if isinstance(cell, str)]
        if len(cells) != n_columns or None in row:
            raise LaanetError(f"{where}: row {_quoted(','.join(cells))} does not have {n_columns} cells like the header.")
        yield where, row


def _video(row: dict[str, str], where: str) -> ScoredVideo:
    label = row.get("label", "")
    if label not in LABELS:
        raise LaanetError(f"{where}: label {_quoted(label)} must be 0 (real) or 1 (fake).")
    score, mask_ssim = (_number(row.get(column, ""), column, where) for column in ("score", "mask_ssim"))
    method, *words = (_word(row, column, where) for column in ("method", "bin", "split", "status"))
    return ScoredVideo(LABELS[label], score, method, mask_ssim, *words)


def _word(row: dict[str, str], column: str, where: str) -> str:
    """A printable cell, empty if there is no such column; raises LaanetError for control characters and for a long text."""
    word = row.get(column, "")
    if CONTROL.search(word) or len(word) > MAX_LETTERS:
        raise LaanetError(f"{where}: {column} {_quoted(word)} must have at most {MAX_LETTERS} characters and no control characters.")
    return word


def _number(text: str, column: str, where: str) -> float | None:
    """A finite number, None for an empty cell."""
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise LaanetError(f"{where}: {column} {_quoted(text)} must be a finite number, or empty.")
    return value


def _quoted(text: str) -> str:
    """The beginning of a text from a file, quoted and escaped to fit into a message of one line."""
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}...")
