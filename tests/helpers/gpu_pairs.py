"""Differences between pairs made on a GPU and on a CPU: `python -m tests.helpers.gpu_pairs DATASET PARAMS` prints them as JSON."""

from __future__ import annotations

import json
import sys
from itertools import islice
from pathlib import Path

import torch

from laanet_core.params import Params
from laanet_core.training.batch import Batch
from laanet_core.training.dataset import TrainingBatches
from laanet_core.training.loader import make_loader
from laanet_core.training.pairs import PairBatches
from tests.helpers.training_set import clips_of, crops_of


def first_batches(dataset: Path, params: Params, device: str) -> list[Batch]:
    """The first six batches of a training, made on a device."""
    clips = clips_of(dataset)
    samples = make_loader(crops_of(clips, params), TrainingBatches(clips, params), 0)
    return list(islice(iter(PairBatches(samples, params, torch.device(device), augmented=True)), 6))


def main(dataset: Path, params: Params) -> None:
    """Print the differences."""
    on_cpu, on_gpu = (first_batches(dataset, params, device) for device in ("cpu", "cuda"))
    images, labels, heatmaps, consistencies = [], [], [], []
    for mine, theirs in zip(on_cpu, on_gpu, strict=True):
        images.append((mine.images.float() - theirs.images.cpu().float()).abs())
        labels.append(mine.targets.label != theirs.targets.label.cpu())
        heatmaps.append((mine.targets.of_heads["heatmap"] - theirs.targets.of_heads["heatmap"].cpu()).abs() > 0.1)
        consistencies.append((mine.targets.of_heads["consistency"] - theirs.targets.of_heads["consistency"].cpu()).abs())
    found = {
        "pairs": sum(len(batch.images) // 2 for batch in on_cpu),
        "pixel_mean": float(torch.cat(images).mean()),
        "labels_differ": int(torch.cat(labels).sum()),
        "heatmap_share": float(torch.cat(heatmaps).float().mean()),
        "consistency_mean": float(torch.cat(consistencies).mean()),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Params.model_validate_json(Path(sys.argv[2]).read_text()))
