"""The state of an unfinished training: all that a killed run needs to go on as if nothing had happened."""

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
    """Where a training stands.

    step: optimizer steps done; sums: of the losses (total, class, heat map, consistency) since the epoch began; recent: the same
    since the last point of the curves; points: of the curves (step, mean losses, learning rate); rows: finished epochs;
    unblended: pairs without a fake since the epoch began; best: index of the best of them in `rows`, -1 before the first.
    Random draws need no place here: each is keyed by the seed and its step or item.
    """

    step: int = 0
    sums: list[float] = field(default_factory=lambda: [0.0] * 4)
    recent: list[float] = field(default_factory=lambda: [0.0] * 4)
    points: list[list[float]] = field(default_factory=list)
    rows: list[LogRow] = field(default_factory=list)
    unblended: int = 0
    best: int = -1


def save_state(folder: Path, learner: Learner, position: Position, keep_last: int) -> None:
    """Write the state on disk, whole or not at all, and remove all but the `keep_last` newest."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {"position": asdict(position), **{name: part.state_dict() for name, part in _parts(learner).items()}}
    path = folder / f"state-{position.step:08d}-{len(position.rows):05d}.pt"
    with replacing(path, durable=True) as temporary, temporary.open("wb") as file:
        _save(state, file)
    for old in _states(folder)[keep_last:]:
        old.unlink()


def _save(state: dict[str, Any], file: BinaryIO) -> None:
    """Write a state; what the disk said stands behind the error that torch makes of it."""
    try:
        torch.save(state, file)
    except RuntimeError as error:
        if isinstance(error.__context__, OSError):
            raise error.__context__ from None
        raise


def load_state(folder: Path, learner: Learner) -> Position:
    """Put the newest readable state into the learner and return its position; that of a start where there is none."""
    for path in _states(folder):
        state = _read(path)
        if state is not None:
            for name, part in _parts(learner).items():
                part.load_state_dict(state[name])
            rows = [LogRow(**row) for row in state["position"].pop("rows")]
            return Position(**state["position"], rows=rows)
    return Position()


def _parts(learner: Learner) -> dict[str, Any]:
    """What of a learner changes as it learns."""
    parts = {"model": learner.model, "optimizer": learner.optimizer, "average": learner.average}
    return {name: part for name, part in parts.items() if part is not None}


def _states(folder: Path) -> list[Path]:
    """Saved states, newest first."""
    return sorted(folder.glob("state-*.pt"), reverse=True)


def _read(path: Path) -> dict[str, Any] | None:
    """A saved state, or None (said aloud) for a file that a power cut spoilt."""
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError) as error:
        print(
            f"train: {path.name} is not readable ({type(error).__name__}); going back to the state before it.",
            file=sys.stderr,
        )
        return None
    return state
