"""Typed parameters, one module per section of params.yaml. Units are given in the docstrings."""

from laanet_core.params.assets import AssetsParams
from laanet_core.params.augment import AugmentParams
from laanet_core.params.crops import CropsParams, DetectorName
from laanet_core.params.datasets import DatasetParams
from laanet_core.params.demo import DemoParams
from laanet_core.params.evaluate import EvaluateParams
from laanet_core.params.file import Params, describe, load_params, parse_params, read_params
from laanet_core.params.frames import FramesParams
from laanet_core.params.model import HeadName, ModelParams
from laanet_core.params.quality import QualityParams
from laanet_core.params.robustness import RobustnessParams
from laanet_core.params.section import Section, Split
from laanet_core.params.synthesis import BiParams, Hull, SbiParams, SynthesisParams
from laanet_core.params.train import Recipe, TrainParams

__all__ = [
    "AssetsParams",
    "AugmentParams",
    "BiParams",
    "CropsParams",
    "DatasetParams",
    "DemoParams",
    "DetectorName",
    "EvaluateParams",
    "FramesParams",
    "HeadName",
    "Hull",
    "ModelParams",
    "Params",
    "QualityParams",
    "Recipe",
    "RobustnessParams",
    "SbiParams",
    "Section",
    "Split",
    "SynthesisParams",
    "TrainParams",
    "describe",
    "load_params",
    "parse_params",
    "read_params",
]
