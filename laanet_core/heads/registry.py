"""The registry of auxiliary heads."""

from __future__ import annotations

from collections.abc import Iterable

from laanet_core.errors import LaanetError
from laanet_core.heads.consistency import CONSISTENCY
from laanet_core.heads.heatmap import HEATMAP
from laanet_core.heads.spec import HeadSpec
from laanet_core.params import Params

BUILT_IN = (HEATMAP, CONSISTENCY)
"""The heads of this package, each with a column in every training's log. Their order is that of layers, losses and columns."""
_REGISTERED = {spec.name: spec for spec in BUILT_IN}
_RESERVED_MODULES = {"backbone", "pyramid", "classifier", "logit"}
_RESERVED_COLUMNS = {"loss_class"}
_OWN_WEIGHT = "train.head_weights."


class UnknownHeadError(LaanetError):
    """A name in `model.heads` for which no head is registered. head: that name."""

    def __init__(self, head: str, message: str) -> None:
        super().__init__(message)
        self.head = head


def register_head(spec: HeadSpec) -> None:
    """Make a head available under `model.heads`, after those that are registered already.

    Raises LaanetError if its name, module or log column is taken. Call it in every process that builds or loads a network with this head.
    """
    taken = {
        "name": {each.name for each in registered_heads()},
        "module": _RESERVED_MODULES | {each.module for each in registered_heads()},
        "log_column": _RESERVED_COLUMNS,
    }
    for attribute, values in taken.items():
        if getattr(spec, attribute) in values:
            raise LaanetError(f"head {spec.name!r}: the {attribute} {getattr(spec, attribute)!r} is taken; choose another.")
    _REGISTERED[spec.name] = spec


def registered_heads() -> list[HeadSpec]:
    """All heads, in the order of their registration."""
    return list(_REGISTERED.values())


def find_heads(names: Iterable[str]) -> list[HeadSpec]:
    """The heads with these names, in the order of registration; raises UnknownHeadError for a name that is not registered."""
    names = list(names)
    for name in names:
        if name not in _REGISTERED:
            known = ", ".join(map(repr, _REGISTERED))
            raise UnknownHeadError(name, f"model.heads: {name!r} is not a registered head; choose among {known}, or register it first.")
    return [spec for spec in registered_heads() if spec.name in names]


def logged_heads(names: Iterable[str]) -> list[HeadSpec]:
    """The heads that have a column in the log of a network with these heads: the built-in ones and its own."""
    return find_heads({*names, *(spec.name for spec in BUILT_IN)})


def head_weights(params: Params) -> dict[str, float]:
    """Head -> weight of its loss, for the heads in `model.heads`.

    Raises LaanetError for a head that is not registered, for a weight that is missing, and for a weight that no head reads.
    """
    heads = find_heads(params.model.heads)
    read = {spec.weight for spec in registered_heads()}
    for name in params.train.head_weights:
        if f"{_OWN_WEIGHT}{name}" not in read:
            own = next((f"; its weight is {spec.weight}" for spec in registered_heads() if spec.name == name), "")
            raise LaanetError(f"{_OWN_WEIGHT}{name}: no head reads this weight{own}; remove it or correct its name.")
    return {spec.name: spec.weight_in(params) for spec in heads}


def weight_keys() -> list[str]:
    """The keys in params.yaml from which the registered heads take their weights."""
    return [spec.weight for spec in registered_heads()]
