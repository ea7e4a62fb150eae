"""Pseudo-fakes and their targets."""

from laanet_core.synthesis.augment import AugmentedPair, augment_pair
from laanet_core.synthesis.sbi import Blend, self_blend
from laanet_core.synthesis.targets import Targets, encode_targets

__all__ = ["AugmentedPair", "Blend", "Targets", "augment_pair", "encode_targets", "self_blend"]
