"""Which of the networks that the paper's tables compare an experiment trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from laanet_core.reporting.paper.experiments import Experiment


class Setting(NamedTuple):
    """What sets one trained network of the tables apart: networks that are the same have the same setting, however they were asked for.

    network: `plain` (backbone and classifier), `top` (F6 alone, whichever pyramid is named), or pyramid and levels;
    lambda1, lambda2: 0 where there is no such head.
    """

    network: str
    heads: frozenset[str]
    lambda1: float
    lambda2: float
    method: str


def setting_of(experiment: Experiment) -> Setting:
    """The setting of an experiment."""
    heads = frozenset(filter(None, experiment.heads.split(",")))
    levels = [int(level) for level in experiment.levels.split(",")]
    return make_setting(experiment.pyramid, levels, heads, (experiment.lambda1, experiment.lambda2), experiment.method)


def make_setting(pyramid: str, levels: Sequence[int], heads: frozenset[str], weights: tuple[float, float], method: str) -> Setting:
    """The setting of these parameters; weights: lambda1 and lambda2."""
    if pyramid == "none" and not heads:
        network = "plain"
    elif pyramid == "none" or list(levels) == [6]:
        network = "top"
    else:
        network = f"{pyramid} {','.join(map(str, levels))}"
    used = [weight if head in heads else 0.0 for head, weight in zip(("heatmap", "consistency"), weights, strict=True)]
    return Setting(network, heads, used[0], used[1], method)
