"""A copy of the batch that a training could not learn from."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.torch import save_file

from laanet_core.training.data import Batch


def keep_batch(batch: Batch, path: Path) -> Path:
    """Write a batch's images, targets and items (in the metadata) as safetensors; returns the path, absolute."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {"images": batch.images, **batch.truth._asdict()}
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, metadata={"items": json.dumps(batch.items)})
    return path.absolute()
