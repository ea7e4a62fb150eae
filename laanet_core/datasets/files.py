"""Functions shared by the layouts: scanning folders and reading the lists that come with a data set."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from laanet_core.errors import LaanetError
from laanet_core.formats import IMAGE_SUFFIXES, VIDEO_SUFFIXES

MAX_BYTES = 10**9
"""Lists larger than this are refused before they are read; the largest known one, of DeepfakeBench, has 72 MB."""
UNWRITABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
MAX_NAME, MAX_PATH = 240, 1000
"""Maximum length in bytes of a file name and of a path in a data set: outputs get longer names, and Linux allows 255 and 4,096."""


def videos_under(folder: Path, suffixes: Collection[str] = VIDEO_SUFFIXES) -> Iterator[str]:
    """Yield the paths of all files with these suffixes under a folder, relative to it, sorted, without hidden files."""
    for inner, files in _walk(folder):
        for name in files:
            if _suffix(name) in suffixes:
                yield f"{inner}{name}"


def picture_folders(folder: Path) -> Iterator[str]:
    """Yield the paths of all folders under a folder that directly contain images, relative to it, sorted."""
    for inner, files in _walk(folder):
        if inner and any(_suffix(name) in IMAGE_SUFFIXES for name in files):
            yield inner.removesuffix("/")


def holds_images(folder: Path) -> bool:
    """Return whether a folder directly contains an image."""
    with os.scandir(folder) as entries:
        return any(_suffix(entry.name) in IMAGE_SUFFIXES and not entry.name.startswith(".") for entry in entries)


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122 -- Path objects for a million images take seconds


def _walk(folder: Path, inner: str = "", above: frozenset[tuple[int, int]] = frozenset()) -> Iterator[tuple[str, list[str]]]:
    """Yield (relative path, file names) of a folder and all folders below it, sorted, without hidden ones.

    The relative path is empty or ends with a slash. Links to folders are followed, because large data sets may span several disks, except
    in cycles. Raises LaanetError for an unreadable folder, whose videos would otherwise be missing silently.
    """
    current = folder / inner
    if not current.is_dir():
        return
    info = current.stat()
    if (info.st_dev, info.st_ino) in above:
        return
    try:
        with os.scandir(current) as entries:
            names = sorted((entry.name, _is_folder(entry)) for entry in entries if not entry.name.startswith("."))
    except OSError as error:
        raise LaanetError(f"{current}: cannot be read ({error.strerror}); grant yourself read permission.") from None
    yield inner, [name for name, is_folder in names if not is_folder]
    for name, is_folder in names:
        if is_folder:
            yield from _walk(folder, f"{inner}{name}/", above | {(info.st_dev, info.st_ino)})


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Return whether a directory entry is a folder; False for a link to itself."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def inside(root: Path, path: str, where: str) -> str:
    """Normalise a listed path; raises LaanetError if it points outside the root (by `..` or a link) or cannot be written to a table."""
    refuse_unwritable(path, where)
    if len(path.encode()) > MAX_PATH or any(len(part.encode()) > MAX_NAME for part in path.split("/")):
        raise LaanetError(f"{where}: path '{path[:40]}...' is too long; a name has at most {MAX_NAME} bytes, a path {MAX_PATH}.")
    normalised = os.path.normpath(path)
    is_below = os.path.realpath(root / normalised).startswith(os.path.join(os.path.realpath(root), ""))  # noqa: PTH118 -- adds a trailing slash
    if not path or normalised in {".", ".."} or normalised.startswith(("/", "../")) or not is_below:
        raise LaanetError(f"{where}: path {path!r} points outside {root}; list paths inside that folder and relative to it.")
    return normalised


def refuse_unwritable(text: str, where: str) -> None:
    """Raise LaanetError for control characters and bytes that are not UTF-8, which tables, logs and shards cannot hold."""
    if UNWRITABLE.search(text):
        raise LaanetError(f"{where}: {text!r} has a line break, a control character or bytes that are not UTF-8; rename it.")


def read_text(path: Path, tree: str) -> str:
    """Read a list that comes with a data set; raises LaanetError if it is missing (with the expected `tree`), too large or not text."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise LaanetError(f"{path}: has {path.stat().st_size} bytes, but a list may have at most {MAX_BYTES}; download it again.")
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise LaanetError(f"{path}: not found; the data set's folder should hold {tree}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise LaanetError(f"{path}: not a readable text file ({error}); download it again.") from None


def read_json(path: Path, tree: str) -> Any:
    """Read a JSON file; raises LaanetError if it is missing (with the expected `tree`) or malformed."""
    try:
        return json.loads(read_text(path, tree))
    except (ValueError, RecursionError) as error:
        raise LaanetError(f"{path}: not valid JSON ({error}); download it again.") from None


def read_json_table(path: Path, tree: str) -> dict[str, dict[str, Any]]:
    """Read a JSON file that maps file names to records; raises LaanetError if it has another structure."""
    loaded = read_json(path, tree)
    if not isinstance(loaded, dict) or not all(isinstance(record, dict) for record in loaded.values()):
        raise LaanetError(f"{path}: does not map file names to records; download it again.")
    return loaded


def read_rows(path: Path, columns: Sequence[str], tree: str, remedy: str) -> list[tuple[str, dict[str, str]]]:
    """Read (location for messages, row) of each line of a CSV with at least these columns; missing cells become empty strings.

    Raises LaanetError, with `remedy`, if a column is missing, and with the line number if a line has more cells than the header.
    """
    reader = csv.DictReader(io.StringIO(read_text(path, tree), newline=""), restkey="", restval="")
    rows: list[tuple[str, dict[str, str]]] = []
    try:
        missing = [column for column in columns if column not in (reader.fieldnames or [])]
        if missing:
            raise LaanetError(f"{path}: has no column '{missing[0]}' (found {', '.join(reader.fieldnames or []) or 'none'}); {remedy}.")
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            if "" in row and isinstance(row[""], list):
                raise LaanetError(f"{where}: has more cells than the header; put cells that hold a comma in double quotes.")
            rows.append((where, row))
    except csv.Error as error:
        raise LaanetError(f"{path}, line {reader.line_num + 1}: not valid CSV ({error}); save the table as CSV again.") from None
    return rows
