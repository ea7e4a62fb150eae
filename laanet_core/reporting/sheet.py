"""Pseudo-fakes of the training set, to look at what the network learns from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from laanet_core.media.shards import Shard, read_rgb
from laanet_core.params import Params
from laanet_core.synthesis.sheet import contact_sheet
from laanet_core.training.data import Clip, read_clips

EXAMPLES = 6
TILE = 144


def training_sheet(crops: Path, landmarks: Path, index: Path, params: Params) -> NDArray[np.uint8]:
    """RGB sheet of the first crops of evenly spaced real train videos and the pseudo-fakes made of them, before augmentation.

    crops: folder of shards; landmarks: HDF5; index: CSV of the training set. Raises LaanetError when it has no usable video.
    """
    clips = read_clips("train", crops, landmarks, index)
    chosen = [clips[place] for place in np.linspace(0, len(clips) - 1, min(EXAMPLES, len(clips))).round().astype(int)]
    images = torch.from_numpy(np.stack([_first_crop(clip) for clip in chosen])).permute(0, 3, 1, 2).contiguous()
    points = torch.from_numpy(np.stack([clip.points[0] for clip in chosen]))
    return contact_sheet(images, points, params.seed, TILE, params.synthesis, params.train.iou, params.train.recipe)


def _first_crop(clip: Clip) -> NDArray[np.uint8]:
    with Shard(clip.shard) as shard:
        return read_rgb(shard, clip.members[0])
