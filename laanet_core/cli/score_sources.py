"""The detectors that `laanet compare` is given: score CSVs in files, or at revisions and experiments of this project."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from laanet_core.cli.project import read_at
from laanet_core.errors import LaanetError
from laanet_core.reporting.comparison.score_files import MAX_BYTES, ScoreFile, parse_scores

OWN = "scores"
"""What the evaluation calls each of its files, so that the folder's name says more."""


class Place(NamedTuple):
    """Where a CSV is: rev is None for a file of the current tree; names: what to call it, from short to long, the last one unmistakable."""

    rev: str | None
    path: str
    names: list[str]


def read_detectors(words: Sequence[str], dataset: str | None, names: str | None) -> dict[str, ScoreFile]:
    """Scores by detector. words: files, `REV:PATH`, or revisions of `reports/<dataset>/scores.csv`; names: what to call them, with commas.

    Raises LaanetError for what cannot be found, read or told apart.
    """
    if len(words) < 2:
        raise LaanetError(f"{words[0]}: is one detector alone; name two or more to compare.")
    places = [_locate(word, dataset) for word in words]
    chosen = _shortest_names(places) if names is None else _given_names(names, len(places))
    return {name: _read(place) for name, place in zip(chosen, places, strict=True)}


def _locate(word: str, dataset: str | None) -> Place:
    """What an argument means; a file of that name goes first."""
    if Path(word).exists() and not Path(word).is_dir():
        return Place(None, word, _file_names(word))
    rev, colon, path = word.partition(":")
    if colon and rev and path:
        return Place(_revision(rev), path, [rev, word])
    if colon or not word:
        raise LaanetError(f"'{word}': is no file, and no revision with a path; write REV:PATH.")
    if dataset is None:
        raise LaanetError(f"{word}: is no file; if it is a revision or an experiment, give --dataset, or write {word}:PATH.")
    return Place(_revision(word), f"reports/{dataset}/scores.csv", [word])


def _revision(name: str) -> str | None:
    """A revision as it is written, None for the current tree."""
    return None if name == "workspace" else name


def _file_names(word: str) -> list[str]:
    """`cdf2`, `reports/cdf2` and the whole of `reports/cdf2/scores.csv`; `other`, `a/other` and the whole of `a/other.csv`."""
    parts = Path(word).with_suffix("").parts
    if len(parts) > 1 and parts[-1] == OWN:
        parts = parts[:-1]
    return [str(Path(*parts[-count:])) for count in range(1, len(parts) + 1)] + [word]


def _shortest_names(places: Sequence[Place]) -> list[str]:
    """The shortest name of each place that no other place has."""
    lengths = [0] * len(places)
    while True:
        names = [place.names[length] for place, length in zip(places, lengths, strict=True)]
        same = [number for number, name in enumerate(names) if names.count(name) > 1]
        longer = [number for number in same if lengths[number] + 1 < len(places[number].names)]
        if not same:
            return names
        if not longer:
            raise LaanetError(f"{names[same[0]]}: is given twice; name each once, or call them otherwise with --names.")
        for number in longer:
            lengths[number] += 1


def _given_names(text: str, count: int) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if len(names) != count or not all(names) or len(set(names)) != count:
        raise LaanetError(f"--names '{text}': must be {count} different names with commas between them, one for each detector.")
    return names


def _read(place: Place) -> ScoreFile:
    """The scores at a place; one byte more than is allowed is enough to refuse a file."""
    if place.rev is not None:
        found = read_at(place.rev, place.path, MAX_BYTES + 1)
        return parse_scores(found.data, f"{place.rev}:{place.path} (commit {found.commit[:7]})")
    try:
        with Path(place.path).open("rb") as file:
            return parse_scores(file.read(MAX_BYTES + 1), place.path)
    except OSError as error:
        raise LaanetError(f"{place.path}: cannot be read ({error.strerror}); name a CSV with video_id and score.") from None
