"""Real crops and their fakes with the targets, made on the device that trains."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from laanet_core.model.laanet import STRIDE
from laanet_core.params import Params, Recipe
from laanet_core.synthesis import Blend, Targets, augment, encode_targets
from laanet_core.synthesis.bi import make_cross_blends
from laanet_core.synthesis.rng import Rng
from laanet_core.synthesis.sbi import make_self_blends
from laanet_core.synthesis.targets.encode import shrink
from laanet_core.training.batch import Batch, BatchTargets
from laanet_core.training.loader import FaceSamples, Samples
from laanet_core.training.prefetch import prefetch


class PairBatches:
    """Batches of pairs, made as they are asked for: on a GPU ahead of that, beside the network's own work.

    samples: to make them of, anew for each iteration; augmented: as in `make_pairs`.
    """

    def __init__(self, samples: Iterable[Samples], params: Params, device: torch.device, *, augmented: bool) -> None:
        self.samples, self.params, self.device, self.augmented = samples, params, device, augmented

    def __iter__(self) -> Iterator[Batch]:
        samples = iter(self.samples)  # here, since worker processes end with the thread that starts them
        made = (make_pairs(to_device(part, self.device), self.params, augmented=self.augmented) for part in samples)
        return prefetch(made, self.device) if self.device.type == "cuda" else made


def to_device(samples: Samples, device: torch.device) -> Samples:
    """The images on a device; landmarks and keys stay where the draws are made."""
    faces = _faces_to(samples.faces, device)
    return samples._replace(faces=faces, partners=samples.partners and _faces_to(samples.partners, device))


def _faces_to(faces: FaceSamples, device: torch.device) -> FaceSamples:
    return faces._replace(images=faces.images.to(device, non_blocking=True))


def make_pairs(samples: Samples, params: Params, *, augmented: bool) -> Batch:
    """Real crops and their pseudo-fakes, or the fakes that they are paired with, and the targets of both.

    augmented: change both of a pair alike, as training does and validation does not. A crop whose landmarks do not allow a blend stands
    twice, real both times. All draws are functions of the samples' keys.
    """
    rng = Rng(samples.keys.numpy())
    fakes = make_fakes(samples, rng, params)
    real, fake, mask = fakes.real, fakes.fake, fakes.mask
    if augmented:
        real, fake, mask, _ = augment(real, fake, mask, samples.faces.landmarks, rng, params.augment)
    seen = fakes.ok if params.train.fakes == "dataset" else mask.flatten(1).amax(dim=1) > 0
    targets = pair_targets(mask, fakes.ratio, rng, params.train.recipe, params.train.iou)
    label = torch.cat([torch.zeros_like(seen), seen]).float()
    return Batch(
        torch.cat([real, fake]), BatchTargets(label, targets.heatmap, targets.consistency, targets.anchor), items_of(samples, params)
    )


def pair_targets(mask: Tensor, ratio: Tensor, rng: Rng, recipe: Recipe, iou: float) -> Targets:
    """Targets of n real images and then of their fakes with masks (n, 1, H, W) and blend ratios (n,): those of 2n images."""
    size = mask.shape[-1] // STRIDE
    masks = shrink(mask, size)
    anchors = torch.from_numpy(np.concatenate([rng.uniform("real anchor"), rng.uniform("anchor")]))
    ratios = torch.cat([torch.ones_like(ratio), ratio])
    return encode_targets(torch.cat([torch.zeros_like(masks), masks]), size, recipe, anchors, iou, ratios)


def make_fakes(samples: Samples, rng: Rng, params: Params) -> Blend:
    """The fakes of a batch before augmentation: pseudo-fakes, or those of the data set, of which no mask is known."""
    faces, others = samples.faces, samples.partners
    if others is None:
        return make_self_blends(faces.images, faces.landmarks.numpy(), rng, params.synthesis)
    if params.train.fakes == "dataset":
        nowhere = torch.zeros_like(faces.images[:, :1], dtype=torch.float32)
        sure = torch.ones(len(nowhere), dtype=torch.bool, device=nowhere.device)
        return Blend(others.images, faces.images, nowhere, nowhere, sure, sure.float())
    return make_cross_blends(faces.images, faces.landmarks.numpy(), others.images, others.landmarks.numpy(), rng, params.synthesis)


def items_of(samples: Samples, params: Params) -> list[str]:
    """Whence the images of a batch come: a pseudo-fake from its crop, or from two, a fake of the data set from its own."""
    real = samples.faces.items
    if samples.partners is None:
        return real * 2
    others = samples.partners.items
    return real + (others if params.train.fakes == "dataset" else [f"{one} + {two}" for one, two in zip(real, others, strict=True)])
