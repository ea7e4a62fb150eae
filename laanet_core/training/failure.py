"""A copy of the batch that a training could not learn from."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.torch import save

from laanet_core.store.writing import write_bytes
from laanet_core.training.batch import Batch


def keep_batch(batch: Batch, path: Path) -> Path:
    """Write a batch's images, targets and items (in the metadata) as safetensors; returns the path, absolute."""
    tensors = {"images": batch.images, **batch.targets._asdict()}
    whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
    write_bytes(path, save(whole, metadata={"items": json.dumps(batch.items)}))
    return path.absolute()
