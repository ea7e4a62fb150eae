"""Pseudo-fakes of the training set, to show what the network learns from."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch

from laanet_core.model.laanet import STRIDE
from laanet_core.params import Params
from laanet_core.synthesis import Blend, Targets, encode_targets
from laanet_core.synthesis.rng import Rng
from laanet_core.training.dataset import draw_epoch, read_clips
from laanet_core.training.loader import Crops, collate
from laanet_core.training.pairs import make_fakes
from laanet_core.training.partners import partners_of

EXAMPLES = 6


class Examples(NamedTuple):
    """Pseudo-fakes of some training crops before augmentation, and their targets."""

    blend: Blend
    targets: Targets


def training_examples(crops: Path, landmarks: Path, index: Path, params: Params, count: int = EXAMPLES) -> Examples:
    """The first `count` pairs of the first training epoch, with the training's own random draws.

    crops: folder of shards; landmarks: HDF5; index: CSV of the training set. Raises LaanetError if there is no usable video.
    """
    clips = read_clips("train", crops, landmarks, index, blend_size=params.crops.size).clips
    faces = Crops(clips, params.seed, params.crops.size, partners_of(clips, None, params, torch.device("cpu")))
    samples = collate([faces[draw] for draw in draw_epoch(clips, 0, params.train.frames_per_epoch, params.seed)[:count]])
    draws = Rng(samples.keys.numpy())
    blend = make_fakes(samples, draws, params.model_copy(update={"train": params.train.model_copy(update={"fakes": "synthetic"})}))
    anchors = torch.from_numpy(draws.uniform("anchor"))
    size = params.crops.size // STRIDE
    return Examples(blend, encode_targets(blend.mask, size, params.train.recipe, anchors, params.train.iou, blend.ratio))
