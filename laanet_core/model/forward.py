"""RGB crops through a network."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray

from laanet_core.model.laanet import LAANet
from laanet_core.types import Image


def forward(model: LAANet, images: Iterable[Image]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Logits (n,) and heat maps (n, H/4, W/4) in [0, 1], None without that head, of n RGB crops (H, W, 3) of one size."""
    batch = torch.from_numpy(np.stack(list(images))).permute(0, 3, 1, 2)
    device = next(model.parameters()).device
    with torch.inference_mode():
        output = model(model.normalise(batch.to(device)))
    heatmaps = None if output.heatmap is None else output.heatmap.float().sigmoid()[:, 0].cpu().numpy()
    return output.logit.float().cpu().numpy(), heatmaps
