"""Plan of the events, determined only by a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tests.chaos.variants import SECONDS, STAGES, VARIANTS, differing

KINDS = (
    "kill_group",
    "kill_dvc",
    "kill_child",
    "stop",
    "interrupt",
    "checkout",
    "stash_checkout",
    "second_run",
    "edit_params",
    "full_disk",
    "remove_work",
    "flip_byte",
)
"""Kinds of events, implemented in tests.chaos.events."""


@dataclass(frozen=True)
class Event:
    """One event and the run that it disturbs.

    variant: intended parameters of the run; before: parameters of the preceding, committed state; other: parameters set meanwhile by an
    edit or a second run; start: command of the run, `repro` or `exp`; stage: disturbed stage, whose outputs and run-cache entries are
    removed first so that it has to run; drop_work: items removed from the work folder first: those of the `stage`, of `all` steps, or
    `none`; from_start: whether the delay counts from the start of the run instead of the stage; delay_s: seconds until the event;
    amount: strength of the event, 0 to 1, for kinds that have one; draw: seed of random choices made during the event.
    """

    number: int
    kind: str
    variant: str
    before: str
    other: str
    start: str
    stage: str
    drop_work: str
    from_start: bool
    delay_s: float
    amount: float
    draw: int

    def words(self) -> str:
        """Describe the event in one line for the log."""
        moment = f"{self.delay_s:.2f} s after {'the start' if self.from_start else self.stage}"
        run = f"'{self.start}' of {self.variant} after {self.before}, {self.stage} to be made, work dropped: {self.drop_work}"
        return f"event {self.number}: {self.kind}, {'all along' if self.kind == 'full_disk' else moment}, in {run}"

    def as_json(self) -> dict[str, Any]:
        """Return the event as a JSON-compatible dictionary."""
        return asdict(self)


def plan(
    seed: int, count: int, kinds: Sequence[str] = KINDS, variants: Sequence[str] = tuple(VARIANTS), until: str = STAGES[-1]
) -> list[Event]:
    """Draw the events of a seed. variants: variants to switch between, starting with the first; until: last stage to run."""
    source = random.Random(seed)
    before, events = variants[0], []
    for number, kind in zip(range(1, count + 1), _decks(source, kinds), strict=False):
        event = _draw(source, number, kind, before, variants, until)
        events.append(event)
        before = event.variant
    return events


def _decks(source: random.Random, kinds: Sequence[str]) -> Iterator[str]:
    """Yield kinds endlessly, in successive random permutations."""
    while True:
        yield from source.sample(list(kinds), len(kinds))


def _draw(source: random.Random, number: int, kind: str, before: str, variants: Sequence[str], until: str) -> Event:
    """Draw one event; its stage has work to do after the change of parameters."""
    variant = source.choice([name for name in variants if name != before and differing(name, before, until)])
    other = source.choice([name for name in variants if name != variant])
    stage = source.choice([name for name in differing(variant, before, until) if name != "index@demo"])
    return Event(
        number=number,
        kind=kind,
        variant=variant,
        before=before,
        other=other,
        start=source.choice(["repro", "repro", "exp"]),
        stage=stage,
        drop_work=source.choice(["stage", "stage", "all", "none"]),
        from_start=source.random() < 0.1,
        delay_s=round(source.uniform(0, SECONDS[stage]), 3),
        amount=round(source.random(), 3),
        draw=source.randrange(1 << 31),
    )
