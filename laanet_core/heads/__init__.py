"""Auxiliary heads: one file per head with its layers, targets and loss, and the registry that all other code reads.

To add a head, write a module with a `HeadSpec` as `heatmap.py` has one, and add it to `BUILT_IN` in `registry.py`; outside this package,
call `register_head` before a network is built or loaded. Then name the head in `model.heads`, and its weight where the spec says.
"""

from laanet_core.heads.layers import dense_head
from laanet_core.heads.registry import UnknownHeadError, find_heads, register_head, registered_heads
from laanet_core.heads.spec import HeadSpec, LossContext, TargetSource

__all__ = [
    "HeadSpec",
    "LossContext",
    "TargetSource",
    "UnknownHeadError",
    "dense_head",
    "find_heads",
    "register_head",
    "registered_heads",
]
