"""Pairs of real crops and their fakes, with the targets, computed on the training device."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from laanet_core.errors import LaanetError
from laanet_core.heads.registry import find_heads
from laanet_core.heads.spec import TargetSource
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
    """Batches of pairs, made on request, or on a GPU in advance and in parallel with the network.

    samples: batches of stored crops, read again in each iteration; augmented: as in `make_pairs`.
    """

    def __init__(self, samples: Iterable[Samples], params: Params, device: torch.device, *, augmented: bool) -> None:
        self.samples, self.params, self.device, self.augmented = samples, params, device, augmented

    def __iter__(self) -> Iterator[Batch]:
        samples = iter(self.samples)  # in this thread, since worker processes end with the thread that starts them
        made = (make_pairs(to_device(part, self.device), self.params, augmented=self.augmented) for part in samples)
        return prefetch(made, self.device) if self.device.type == "cuda" else made


def to_device(samples: Samples, device: torch.device) -> Samples:
    """Move the images to a device; landmarks and keys stay on the CPU, where random numbers are drawn."""
    faces = _faces_to(samples.faces, device)
    return samples._replace(faces=faces, partners=samples.partners and _faces_to(samples.partners, device))


def _faces_to(faces: FaceSamples, device: torch.device) -> FaceSamples:
    return faces._replace(images=faces.images.to(device, non_blocking=True))


def make_pairs(samples: Samples, params: Params, *, augmented: bool) -> Batch:
    """Real crops, their pseudo-fakes or the fakes of the data set that they are paired with, and the targets of both.

    augmented: apply the same augmentation to both images of a pair (training, but not validation). A crop whose landmarks allow no
    blend appears twice, labelled real both times. All random draws are functions of the samples' keys.
    Raises LaanetError if two heads give different targets the same name.
    """
    rng = Rng(samples.keys.numpy())
    fakes = make_fakes(samples, rng, params)
    real, fake, mask = fakes.real, fakes.fake, fakes.mask
    if augmented:
        real, fake, mask, _ = augment(real, fake, mask, samples.faces.landmarks, rng, params.augment)
    is_fake = fakes.ok if params.train.fakes == "dataset" else mask.flatten(1).amax(dim=1) > 0
    images, label = torch.cat([real, fake]), torch.cat([torch.zeros_like(is_fake), is_fake]).float()
    encoded = pair_targets(mask, fakes.ratio, rng, params.train.recipe, params.train.iou)
    targets = head_targets(TargetSource(images, label, mask, encoded), params.model.heads)
    return Batch(images, BatchTargets(label, targets), items_of(samples, params))


def head_targets(source: TargetSource, heads: Sequence[str]) -> dict[str, Tensor]:
    """The targets of these heads by name; raises LaanetError if two heads give different tensors the same name."""
    targets: dict[str, Tensor] = {}
    for spec in find_heads(heads):
        for name, tensor in spec.targets(source).items():
            if name == "label" or targets.setdefault(name, tensor) is not tensor:
                raise LaanetError(f"head {spec.name!r}: its target {name!r} has the name of another target; rename it.")
    return targets


def pair_targets(mask: Tensor, ratio: Tensor, rng: Rng, recipe: Recipe, iou: float) -> Targets:
    """Targets of 2n images: n real ones, then their fakes with blending masks (n, 1, H, W) and blending ratios (n,)."""
    size = mask.shape[-1] // STRIDE
    masks = shrink(mask, size)
    anchors = torch.from_numpy(np.concatenate([rng.uniform("real anchor"), rng.uniform("anchor")]))
    ratios = torch.cat([torch.ones_like(ratio), ratio])
    return encode_targets(torch.cat([torch.zeros_like(masks), masks]), size, recipe, anchors, iou, ratios)


def make_fakes(samples: Samples, rng: Rng, params: Params) -> Blend:
    """The fakes of a batch before augmentation: pseudo-fakes, or fakes of the data set, which have no mask."""
    faces, others = samples.faces, samples.partners
    if others is None:
        return make_self_blends(faces.images, faces.landmarks.numpy(), rng, params.synthesis)
    if params.train.fakes == "dataset":
        no_mask = torch.zeros_like(faces.images[:, :1], dtype=torch.float32)
        ok = torch.ones(len(no_mask), dtype=torch.bool, device=no_mask.device)
        return Blend(others.images, faces.images, no_mask, no_mask, ok, ok.float())
    return make_cross_blends(faces.images, faces.landmarks.numpy(), others.images, others.landmarks.numpy(), rng, params.synthesis)


def items_of(samples: Samples, params: Params) -> list[str]:
    """The source crops of each image of a batch: one for a real image, an SBI or a fake of the data set, `a + b` for a BI of two people."""
    real = samples.faces.items
    if samples.partners is None:
        return real * 2
    others = samples.partners.items
    return real + (others if params.train.fakes == "dataset" else [f"{one} + {two}" for one, two in zip(real, others, strict=True)])
