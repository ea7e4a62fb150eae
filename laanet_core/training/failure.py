"""A copy of the batch on which a training failed."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.torch import save

from laanet_core.store.writing import write_bytes
from laanet_core.training.batch import Batch


def keep_batch(batch: Batch, path: Path) -> Path:
    """Write a batch's images, targets and items (in the metadata) as safetensors; returns the absolute path."""
    tensors = {"images": batch.images, **batch.targets.named()}
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    write_bytes(path, save(contiguous, metadata={"items": json.dumps(batch.items)}))
    return path.absolute()
