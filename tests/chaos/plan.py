"""What will happen: a list of events drawn from a seed and nothing else."""

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
"""Kinds of events; tests.chaos.events says what each does."""


@dataclass(frozen=True)
class Event:
    """One event and the run that it meets.

    variant: parameters that are meant; before: those that the project was last brought up to date with, and committed; other: those that
    a hand or a second run sets meanwhile; start: how the run is started, `repro` or `exp`; stage: the stage that the event meets, of which
    outputs and entries in the run cache are removed first so that it has to run; drop_work: items of the work folder removed first, of the
    `stage`, of `all` steps, or `none`; from_start: the delay counts from the run's start, not the stage's; delay_s: seconds until the
    event; amount: from 0 to 1, how much where a kind has a how much; draw: seed of what is chosen then among what is there.
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
        """One line for the log."""
        moment = f"{self.delay_s:.2f} s after {'the start' if self.from_start else self.stage}"
        run = f"'{self.start}' of {self.variant} after {self.before}, {self.stage} to be made, work dropped: {self.drop_work}"
        return f"event {self.number}: {self.kind}, {'all along' if self.kind == 'full_disk' else moment}, in {run}"

    def as_json(self) -> dict[str, Any]:
        """For the results."""
        return asdict(self)


def plan(
    seed: int, count: int, kinds: Sequence[str] = KINDS, variants: Sequence[str] = tuple(VARIANTS), until: str = STAGES[-1]
) -> list[Event]:
    """The events of a seed. variants: those to move between, from the first; until: the last stage that is run."""
    source = random.Random(seed)
    before, events = variants[0], []
    for number, kind in zip(range(1, count + 1), _decks(source, kinds), strict=False):
        event = _draw(source, number, kind, before, variants, until)
        events.append(event)
        before = event.variant
    return events


def _decks(source: random.Random, kinds: Sequence[str]) -> Iterator[str]:
    """Kinds without end, each as often as the others, in a new order each time."""
    while True:
        yield from source.sample(list(kinds), len(kinds))


def _draw(source: random.Random, number: int, kind: str, before: str, variants: Sequence[str], until: str) -> Event:
    """One event; its stage is one that has work to do when the parameters change from those before."""
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
