"""The cut-down demo that is disturbed: its stages, and the sets of parameters that it is run with."""

from __future__ import annotations

from typing import Any, NamedTuple

import yaml

from tests.helpers.project import SMALL, Project

SMALLEST: dict[str, Any] = {
    **SMALL,
    "model.levels": [6, 5],
    "train.epochs": 1,
    "train.frames_per_epoch": 1,
    "robustness.corruptions": ["saturation"],
    "evaluate.bootstrap": 10,
    "evaluate.gallery": 2,
}
"""A whole `dvc repro` in about a minute on two cores, half of it the imports of its ten stages."""

SECONDS: dict[str, float] = {
    "demo": 9,
    "index@demo": 0.6,
    "frames@demo": 2.2,
    "crops@demo": 2.4,
    "landmarks@demo": 2.6,
    "quality@demo": 3.6,
    "train": 9,
    "evaluate@demo": 9,
    "robustness": 9,
    "report": 8,
}
"""Stages in the order they run in -> about how long each takes, with what DVC does before and after it."""

STAGES = tuple(SECONDS)


class Variant(NamedTuple):
    """A set of parameters. change: dotted parameter -> value; first: the first stage that comes out otherwise."""

    name: str
    change: dict[str, int | float]
    first: str


VARIANTS: dict[str, Variant] = {
    variant.name: variant
    for variant in (
        Variant("base", {}, STAGES[-1]),
        Variant("lambda2", {"lambda2": 3}, "train"),
        Variant("epochs", {"train.epochs": 2}, "train"),
        Variant("size", {"crops.size": 96}, "crops@demo"),
        Variant("frames", {"frames.count.train": 2}, "frames@demo"),
        Variant("seconds", {"demo.seconds": 0.4}, "demo"),
        Variant("seed", {"seed": 2}, "demo"),
    )
}


def differing(one: str, other: str, until: str) -> list[str]:
    """Stages up to `until` that come out otherwise with one variant than with another."""
    first = min(STAGES.index(VARIANTS[name].first) for name in (one, other))
    return list(STAGES[first : STAGES.index(until) + 1])


class Settings:
    """What a project's params.yaml holds for each variant, from the file as it was committed first."""

    def __init__(self, project: Project) -> None:
        self._base = (project.root / "params.yaml").read_text()

    def put(self, project: Project, variant: str) -> None:
        """Write params.yaml for a variant, as an editor does."""
        (project.root / "params.yaml").write_text(self._base)
        project.set(VARIANTS[variant].change)

    def overrides(self, variant: str) -> list[str]:
        """The words that set a variant in `dvc exp run`, whatever the commit has."""
        base = yaml.safe_load(self._base)
        values = {key: _at(base, key) for other in VARIANTS.values() for key in other.change} | VARIANTS[variant].change
        return [word for key, value in values.items() for word in ("-S", f"{key}={value}")]


def _at(params: dict[str, Any], dotted: str) -> Any:
    """The value of a dotted parameter."""
    value: Any = params
    for part in dotted.split("."):
        value = value[part]
    return value
