"""Inference on RGB crops."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray

from laanet_core.heads.heatmap import HEATMAP
from laanet_core.model.laanet import LAANet
from laanet_core.types import Image


def forward(model: LAANet, images: Iterable[Image]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Logits (n,) and heat maps (n, H/4, W/4) in [0, 1] of n RGB crops (H, W, 3) of equal size; no heat maps without that head."""
    batch = torch.from_numpy(np.stack(list(images))).permute(0, 3, 1, 2)
    device = next(model.parameters()).device
    with torch.inference_mode():
        output = model(model.normalise(batch.to(device)))
    heatmap = output.heads.get(HEATMAP.name)
    return output.logit.float().cpu().numpy(), None if heatmap is None else heatmap.float().sigmoid()[:, 0].cpu().numpy()
