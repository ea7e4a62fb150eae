"""Provenance of a report: the content of its section about the run; measures do not depend on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from laanet_core.store.parameter_changes import ParameterChange


class Artefact(NamedTuple):
    """A file or folder that the scores depend on. digest: its MD5 in dvc.lock, with suffix `.dir` for a folder; None if not in dvc.lock."""

    path: str
    digest: str | None


@dataclass(frozen=True)
class Provenance:
    """Content of the report's section about the run; it may differ between two runs with equal measures.

    revision: git revision, None if unknown; changed: files that differ from that revision, except those written by the pipeline;
    artefacts: inputs of the scores; machine: (name, value) in the order shown; made: date and time as text; gaps: a sentence for each
    piece of information that is missing; parameters: those that differ from params.yaml in that revision.
    """

    revision: str | None
    changed: tuple[str, ...]
    artefacts: tuple[Artefact, ...]
    machine: tuple[tuple[str, str], ...]
    made: str
    gaps: tuple[str, ...] = ()
    parameters: tuple[ParameterChange, ...] = ()
