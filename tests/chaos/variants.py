"""The reduced demo used for the chaos test: its stages and parameter variants."""

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
"""Parameters with which a full `dvc repro` takes about a minute on two cores, half of it for the imports of ten stages."""

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
"""Stage, in order of execution -> approximate duration in seconds, including DVC's own work."""

STAGES = tuple(SECONDS)


class Variant(NamedTuple):
    """A set of parameters. change: dotted parameter -> value; first: first stage whose outputs differ."""

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
    """List the stages up to `until` whose outputs differ between two variants."""
    first = min(STAGES.index(VARIANTS[name].first) for name in (one, other))
    return list(STAGES[first : STAGES.index(until) + 1])


class Settings:
    """Content of params.yaml for each variant, based on the first committed file."""

    def __init__(self, project: Project) -> None:
        self._base = (project.root / "params.yaml").read_text()

    def put(self, project: Project, variant: str) -> None:
        """Write params.yaml for a variant, as an editor would."""
        (project.root / "params.yaml").write_text(self._base)
        project.set(VARIANTS[variant].change)

    def overrides(self, variant: str) -> list[str]:
        """Return the arguments that select a variant in `dvc exp run`, independent of the commit."""
        base = yaml.safe_load(self._base)
        values = {key: _at(base, key) for other in VARIANTS.values() for key in other.change} | VARIANTS[variant].change
        return [word for key, value in values.items() for word in ("-S", f"{key}={value}")]


def _at(params: dict[str, Any], dotted: str) -> Any:
    """Return the value of a dotted parameter."""
    value: Any = params
    for part in dotted.split("."):
        value = value[part]
    return value
