"""A batch of a training: images and their targets."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class BatchTargets(NamedTuple):
    """What is known of B images.

    label: (B,), 1 fake, 0 real; heatmap, consistency: (B, 1, h, w) in [0, 1]; anchor: (B, 2), row and column of the pixel
    that the consistency is measured against.
    """

    label: Tensor
    heatmap: Tensor
    consistency: Tensor
    anchor: Tensor


class Batch(NamedTuple):
    """Images uint8 (2n, 3, H, W): n real crops, then their fakes; what is known of all; and whence each comes."""

    images: Tensor
    targets: BatchTargets
    items: list[str]
