"""What layouts share to look through folders and to read the lists that come with a data set."""

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
"""Larger lists are refused before memory is taken for them; the largest known, of DeepfakeBench, has 72 MB."""
UNWRITABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
MAX_NAME, MAX_PATH = 240, 1000
"""Bytes of a file's name and of a path inside a data set: outputs are named by them, and Linux allows 255 and 4,096."""


def videos_under(folder: Path, suffixes: Collection[str] = VIDEO_SUFFIXES) -> Iterator[str]:
    """Paths, relative to a folder and with slashes, of all files of these suffixes under it, in order; hidden ones are left out."""
    for inner, files in _walk(folder):
        for name in files:
            if _suffix(name) in suffixes:
                yield f"{inner}{name}"


def picture_folders(folder: Path) -> Iterator[str]:
    """Paths, relative to a folder and with slashes, of all folders under it that hold images themselves, in order."""
    for inner, files in _walk(folder):
        if inner and any(_suffix(name) in IMAGE_SUFFIXES for name in files):
            yield inner.removesuffix("/")


def holds_images(folder: Path) -> bool:
    """Whether a folder holds an image itself."""
    with os.scandir(folder) as entries:
        return any(_suffix(entry.name) in IMAGE_SUFFIXES and not entry.name.startswith(".") for entry in entries)


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122 -- a Path for each of a million images takes seconds


def _walk(folder: Path, inner: str = "", above: frozenset[tuple[int, int]] = frozenset()) -> Iterator[tuple[str, list[str]]]:
    """(path within the folder, empty or with a slash at its end, its files) of a folder and all below it, sorted and without hidden ones.

    Links to folders are followed, as large sets lie on several disks, but not in a circle. Raises LaanetError for a folder that cannot
    be read, whose videos would else be lost without a word.
    """
    here = folder / inner
    if not here.is_dir():
        return
    facts = here.stat()
    if (facts.st_dev, facts.st_ino) in above:
        return
    try:
        with os.scandir(here) as entries:
            names = sorted((entry.name, _is_folder(entry)) for entry in entries if not entry.name.startswith("."))
    except OSError as error:
        raise LaanetError(f"{here}: cannot be read ({error.strerror}); give yourself access to it.") from None
    yield inner, [name for name, is_folder in names if not is_folder]
    for name, is_folder in names:
        if is_folder:
            yield from _walk(folder, f"{inner}{name}/", above | {(facts.st_dev, facts.st_ino)})


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether a folder's entry is a folder; a link that leads to itself is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def inside(root: Path, path: str, where: str) -> str:
    """A listed path, tidied; raises LaanetError when it leads out of the root, by `..` or a link, or cannot be written in a table."""
    refuse_unwritable(path, where)
    if len(path.encode()) > MAX_PATH or any(len(part.encode()) > MAX_NAME for part in path.split("/")):
        raise LaanetError(f"{where}: path '{path[:40]}...' is too long; a name has at most {MAX_NAME} bytes, a path {MAX_PATH}.")
    tidy = os.path.normpath(path)
    follows = os.path.realpath(root / tidy).startswith(os.path.join(os.path.realpath(root), ""))  # noqa: PTH118 -- with a slash at its end
    if not path or tidy in {".", ".."} or tidy.startswith(("/", "../")) or not follows:
        raise LaanetError(f"{where}: path {path!r} leads out of {root}; list paths relative to that folder and inside it.")
    return tidy


def refuse_unwritable(text: str, where: str) -> None:
    """Raise LaanetError for control characters and bytes that are not UTF-8, which tables, logs and shards cannot carry."""
    if UNWRITABLE.search(text):
        raise LaanetError(f"{where}: {text!r} has a line break, a control character or bytes that are not UTF-8; rename it.")


def read_text(path: Path, tree: str) -> str:
    """Content of a list that comes with a data set; raises LaanetError when it is missing, with the tree expected, or no text."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise LaanetError(f"{path}: has {path.stat().st_size} bytes, and a list at most {MAX_BYTES}; download it again.")
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise LaanetError(f"{path}: not found; the data set's folder should hold {tree}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise LaanetError(f"{path}: not a text file that can be read ({error}); download it again.") from None


def read_json(path: Path, tree: str) -> Any:
    """The content of a JSON file; raises LaanetError when it is missing, with the tree expected, or malformed."""
    try:
        return json.loads(read_text(path, tree))
    except (ValueError, RecursionError) as error:
        raise LaanetError(f"{path}: not valid JSON ({error}); download it again.") from None


def read_json_table(path: Path, tree: str) -> dict[str, dict[str, Any]]:
    """A JSON file that maps file names to records; raises LaanetError when it is anything else."""
    loaded = read_json(path, tree)
    if not isinstance(loaded, dict) or not all(isinstance(record, dict) for record in loaded.values()):
        raise LaanetError(f"{path}: does not map file names to records; download it again.")
    return loaded


def read_rows(path: Path, columns: Sequence[str], tree: str, remedy: str) -> list[tuple[str, dict[str, str]]]:
    """(where, row) of each line of a CSV that has at least these columns; an empty or missing cell is an empty string.

    Raises LaanetError that says `remedy` when it lacks a column, and that names the line when one has more cells than the header.
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
        raise LaanetError(f"{path}, line {reader.line_num + 1}: no CSV ({error}); save the table as CSV again.") from None
    return rows
