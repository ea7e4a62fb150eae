"""The state of an unfinished training, from which a killed run continues with identical results."""

from __future__ import annotations

import pickle
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import torch

from laanet_core.store.writing import replacing
from laanet_core.training.log import LogRow
from laanet_core.training.step import Learner


@dataclass
class Position:
    """Progress of a training.

    step: optimizer steps done; sums: loss column -> sum since the epoch began; recent: the same since the last point of the curves;
    points: of the curves (`write_curves`); rows: finished epochs; unblended: pairs without a fake since the epoch began; best: index in
    `rows` of the best epoch, -1 before the first.
    Random generators need no state here: each draw is keyed by the seed and its step or item.
    """

    step: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    recent: dict[str, float] = field(default_factory=dict)
    points: list[dict[str, float]] = field(default_factory=list)
    rows: list[LogRow] = field(default_factory=list)
    unblended: int = 0
    best: int = -1

    def add(self, losses: dict[str, float]) -> None:
        """Add the losses of a step, by column, to the running sums."""
        for sums in (self.sums, self.recent):
            for column, value in losses.items():
                sums[column] = sums.get(column, 0.0) + value


def save_state(folder: Path, learner: Learner, position: Position, keep_last: int) -> None:
    """Write the state to disk atomically, and remove all but the `keep_last` newest states."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {"position": asdict(position), **{name: part.state_dict() for name, part in _parts(learner).items()}}
    path = folder / f"state-{position.step:08d}-{len(position.rows):05d}.pt"
    with replacing(path, durable=True) as temporary, temporary.open("wb") as file:
        _save(state, file)
    for old in _states(folder)[keep_last:]:
        old.unlink()


def _save(state: dict[str, Any], file: BinaryIO) -> None:
    """torch.save, but with the operating system's error (such as a full disk) in place of torch's."""
    try:
        torch.save(state, file)
    except RuntimeError as error:
        if isinstance(error.__context__, OSError):
            raise error.__context__ from None
        raise


def load_state(folder: Path, learner: Learner) -> Position:
    """Load the newest readable state into the learner and return its position; without a state, return that of a new training."""
    for path in _states(folder):
        state = _read(path)
        if state is not None:
            for name, part in _parts(learner).items():
                part.load_state_dict(state[name])
            rows = [LogRow(**row) for row in state["position"].pop("rows")]
            return Position(**state["position"], rows=rows)
    return Position()


def _parts(learner: Learner) -> dict[str, Any]:
    """The parts of a learner that change during training."""
    parts = {"model": learner.model, "optimizer": learner.optimizer, "average": learner.average}
    return {name: part for name, part in parts.items() if part is not None}


def _states(folder: Path) -> list[Path]:
    """Saved states, newest first."""
    return sorted(folder.glob("state-*.pt"), reverse=True)


def _read(path: Path) -> dict[str, Any] | None:
    """A saved state, or None, with a message on stderr, for a damaged file."""
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError) as error:
        print(
            f"train: {path.name} is not readable ({type(error).__name__}); continuing from the state before it.",
            file=sys.stderr,
        )
        return None
    return state
