"""Statistics of the played events by kind, and the overall result."""

from __future__ import annotations

import statistics
from typing import Any

from tests.chaos.plan import KINDS
from tests.chaos.session import Outcome


def summary(outcomes: list[Outcome], at_the_end: list[str]) -> dict[str, Any]:
    """Summarise the outcomes by kind of event. sound: see `is_sound`."""
    played = [outcome for outcome in outcomes if not outcome.skipped]
    return {
        "sound": is_sound(outcomes, at_the_end),
        "events": len(outcomes),
        "met_a_run_in_progress": sum(outcome.met for outcome in played),
        "by_kind": {kind: _of_kind([one for one in outcomes if one.event.kind == kind]) for kind in KINDS},
        "at_the_end": at_the_end,
        "not_as_it_must_be": [_finding(outcome) for outcome in played if outcome.findings],
    }


def is_sound(outcomes: list[Outcome], at_the_end: list[str]) -> bool:
    """Return whether nothing was found and at least one event met a run in progress."""
    return any(outcome.met for outcome in outcomes) and not at_the_end and not any(outcome.findings for outcome in outcomes)


def _of_kind(outcomes: list[Outcome]) -> dict[str, Any]:
    """Compute the statistics of one kind of event."""
    played = [outcome for outcome in outcomes if not outcome.skipped]
    return {
        "events": len(outcomes),
        "skipped": len(outcomes) - len(played),
        "met_a_run_in_progress": sum(outcome.met for outcome in played),
        "run_ended_otherwise_than_0": sum(bool(outcome.status) for outcome in played),
        "had_to_be_tidied_in_git": sum(bool(outcome.tidied) for outcome in played),
        "not_as_it_must_be": sum(bool(outcome.findings) for outcome in played),
        "median_s": round(statistics.median(outcome.seconds for outcome in played), 1) if played else None,
    }


def _finding(outcome: Outcome) -> dict[str, Any]:
    """Describe an event after which a check failed."""
    return {"event": outcome.event.as_json(), "done": outcome.note, "run_exited_with": outcome.status, "found": outcome.findings}
