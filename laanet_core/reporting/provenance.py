"""Where a report comes from: what the page says of the run, and what no measure depends on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from laanet_core.store.parameter_changes import ParameterChange


class Artefact(NamedTuple):
    """A file or folder that the scores depend on; digest: its MD5 in dvc.lock (`.dir` after that of a folder), None where not there."""

    path: str
    digest: str | None


@dataclass(frozen=True)
class Provenance:
    """What the report's section on the run says; all of it may differ between two runs with the same measures.

    revision: of git, None where there is none; changed: files that are not as in that revision, but for what the pipeline itself writes;
    artefacts: with their digests; machine: (name, value) in the order shown; made: date and time in words;
    gaps: a sentence each for what could not be found out; parameters: those that are not as in that revision's params.yaml, old and new.
    """

    revision: str | None
    changed: tuple[str, ...]
    artefacts: tuple[Artefact, ...]
    machine: tuple[tuple[str, str], ...]
    made: str
    gaps: tuple[str, ...] = ()
    parameters: tuple[ParameterChange, ...] = ()
