"""The registry of corruptions.

Each module of this package defines one corruption as `CORRUPTION` and is found automatically. To add one, write such a module and list its
name under `robustness.corruptions` in params.yaml. Code outside this package adds one with `register`, which works from Python but not for
`dvc repro`.

The six corruptions of Table 2 and their amounts are the DeeperForensics-1.0 perturbations (Jiang et al., CVPR 2020), as used by
LipForensics (Haliassos et al., CVPR 2021) and then by the paper. What that protocol calls 'JPEG' is in fact pixelation (issue 6 of its
repository). This project differs from it in two ways. The protocol corrupts full frames before faces are detected and cropped; here the
finished crops are corrupted, so the face boxes are those of the clean frames and pixel sizes refer to the crop. Frames are not compressed
again afterwards. A blur of 21 px or 80 blocks therefore damage a small crop more than a large one, which limits the comparison with the
paper's results. Where the protocol leaves a choice open (the range of YCbCr, the filters of the pixelation), each module states its own.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable
from importlib import import_module
from typing import Any

from laanet_core.errors import LaanetError
from laanet_core.evaluation.robustness.corruption import Corruption

CORRUPTIONS: dict[str, Corruption[Any]] = {}
"""Name -> corruption, of all that can be scored."""


def register(corruption: Corruption[Any]) -> None:
    """Add a corruption to the registry; raises ValueError if its name is taken."""
    if corruption.name in CORRUPTIONS:
        raise ValueError(f"a corruption named {corruption.name!r} is already registered; choose another name")
    CORRUPTIONS[corruption.name] = corruption


def find_corruptions(names: Iterable[str]) -> list[Corruption[Any]]:
    """The corruptions with the given names, in their order; raises LaanetError if one is not registered."""
    found = []
    for name in names:
        if name not in CORRUPTIONS:
            raise LaanetError(
                f"params.yaml: robustness.corruptions: '{name}' is unknown; choose from {', '.join(CORRUPTIONS)}, or add a module that "
                "defines it to laanet_core/evaluation/robustness/corruptions."
            )
        found.append(CORRUPTIONS[name])
    return found


for _module in pkgutil.iter_modules(__path__):
    if not _module.name.startswith("_"):  # what several corruptions share
        register(import_module(f"{__name__}.{_module.name}").CORRUPTION)
