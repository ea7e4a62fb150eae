"""Pseudo-fakes, their augmentation and their training targets."""

from laanet_core.synthesis.augment import Augmented, augment
from laanet_core.synthesis.bi import cross_blend
from laanet_core.synthesis.blending import Blend
from laanet_core.synthesis.sbi import self_blend
from laanet_core.synthesis.targets.encode import Targets, encode_targets

__all__ = ["Augmented", "Blend", "Targets", "augment", "cross_blend", "encode_targets", "self_blend"]
