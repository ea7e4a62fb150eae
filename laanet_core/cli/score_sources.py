"""The arguments of `laanet compare`: score CSVs in files, or at git revisions and DVC experiments of this project."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from laanet_core.cli.project import read_at
from laanet_core.errors import LaanetError
from laanet_core.reporting.comparison.score_files import MAX_BYTES, ScoreFile, parse_scores

OWN = "scores"
"""Stem of the evaluation's own score files; for these, the folder gives the name of the detector."""


WORKSPACE = "workspace"
"""DVC's name of the working tree."""


class Place(NamedTuple):
    """Location of a CSV. rev: None for a file in the working tree; names: possible detector names, from the shortest to a unique one."""

    rev: str | None
    path: str
    names: list[str]


def read_detectors(words: Sequence[str], dataset: str | None, names: str | None) -> dict[str, ScoreFile]:
    """Scores of each detector, by its name.

    words: files, `REV:PATH`, or revisions of `reports/<dataset>/scores.csv`; names: detector names separated by commas, None to derive
    them from `words`. Raises LaanetError for a detector that cannot be found or read, or that is given twice.
    """
    if len(words) < 2:
        raise LaanetError(f"{words[0]}: is only one detector; give two or more to compare.")
    places = [_locate(word, dataset) for word in words]
    chosen = _shortest_names(places) if names is None else _given_names(names, len(places))
    return {name: _read(place) for name, place in zip(chosen, places, strict=True)}


def _locate(word: str, dataset: str | None) -> Place:
    """The location that an argument means; an existing file takes precedence over a revision."""
    if Path(word).exists() and not Path(word).is_dir():
        return Place(None, word, _file_names(word))
    rev, colon, path = word.partition(":")
    if colon and rev and path:
        return Place(None if rev == WORKSPACE else rev, path, [rev, word])
    if colon or not word:
        raise LaanetError(f"'{word}': is neither a file nor a revision with a path; write REV:PATH.")
    if dataset is None:
        raise LaanetError(f"{word}: is not a file; if it is a revision or an experiment, give --dataset, or write {word}:PATH.")
    return Place(None if word == WORKSPACE else word, f"reports/{dataset}/scores.csv", [word])


def _file_names(word: str) -> list[str]:
    """Names of a file, such as `cdf2`, `reports/cdf2`, `reports/cdf2/scores.csv` or `other`, `a/other`, `a/other.csv`."""
    parts = Path(word).with_suffix("").parts
    if len(parts) > 1 and parts[-1] == OWN:
        parts = parts[:-1]
    return [str(Path(*parts[-count:])) for count in range(1, len(parts) + 1)] + [word]


def _shortest_names(places: Sequence[Place]) -> list[str]:
    """The shortest name of each place that is unique among the places."""
    lengths = [0] * len(places)
    while True:
        names = [place.names[length] for place, length in zip(places, lengths, strict=True)]
        same = [number for number, name in enumerate(names) if names.count(name) > 1]
        longer = [number for number in same if lengths[number] + 1 < len(places[number].names)]
        if not same:
            return names
        if not longer:
            raise LaanetError(f"{names[same[0]]}: is given twice; give each detector once, or set different names with --names.")
        for number in longer:
            lengths[number] += 1


def _given_names(text: str, count: int) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if len(names) != count or not all(names) or len(set(names)) != count:
        raise LaanetError(f"--names '{text}': must be {count} different names separated by commas, one for each detector.")
    return names


def _read(place: Place) -> ScoreFile:
    """The scores at a place; reads one byte more than allowed, so that a larger file is refused without reading all of it."""
    if place.rev is not None:
        stored = read_at(place.rev, place.path, MAX_BYTES + 1)
        return parse_scores(stored.data, f"{place.rev}:{place.path} (commit {stored.commit[:7]})")
    try:
        with Path(place.path).open("rb") as file:
            return parse_scores(file.read(MAX_BYTES + 1), place.path)
    except OSError as error:
        raise LaanetError(f"{place.path}: cannot be read ({error.strerror}); give a CSV file with columns video_id and score.") from None
