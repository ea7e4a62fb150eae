"""Identification of the network that an experiment trained among those that the paper's tables compare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from laanet_core.heads.registry import registered_heads
from laanet_core.reporting.paper.experiments import Experiment


class Setting(NamedTuple):
    """The properties by which the tables tell trained networks apart. Equal networks have equal settings, however they were specified.

    network: `plain` (backbone and classifier), `top` (F6 alone, whichever pyramid is named), or pyramid and levels;
    heads: pairs of an auxiliary head and its loss weight, None if the weight is neither lambda1 nor lambda2.
    """

    network: str
    heads: frozenset[tuple[str, float | None]]
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
    by_key = dict(zip(("lambda1", "lambda2"), weights, strict=True))
    weight_of = {spec.name: by_key.get(spec.weight) for spec in registered_heads()}
    return Setting(network, frozenset((head, weight_of.get(head)) for head in heads), method)
