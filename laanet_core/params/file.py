"""Reading and validation of the complete params.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError, model_validator

from laanet_core.errors import LaanetError
from laanet_core.params.assets import AssetsParams
from laanet_core.params.augment import AugmentParams
from laanet_core.params.crops import CropsParams
from laanet_core.params.datasets import DatasetParams
from laanet_core.params.demo import DemoParams
from laanet_core.params.evaluate import EvaluateParams
from laanet_core.params.frames import FramesParams
from laanet_core.params.model import ModelParams
from laanet_core.params.quality import QualityParams
from laanet_core.params.robustness import RobustnessParams
from laanet_core.params.section import Section
from laanet_core.params.synthesis import SynthesisParams
from laanet_core.params.train import TrainParams


class Params(Section):
    """Content of params.yaml. lambda1, lambda2: weights of the heat-map and consistency losses (Eq. 8)."""

    seed: int = Field(ge=0)
    lambda1: float = Field(ge=0)
    lambda2: float = Field(ge=0)
    datasets: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")], DatasetParams] = Field(min_length=1)
    assets: AssetsParams
    demo: DemoParams
    frames: FramesParams
    crops: CropsParams
    quality: QualityParams
    model: ModelParams
    synthesis: SynthesisParams
    augment: AugmentParams
    train: TrainParams
    evaluate: EvaluateParams
    robustness: RobustnessParams

    @model_validator(mode="after")
    def _data_sets_are_named_well(self) -> Params:
        if "training" in self.datasets:
            raise ValueError("a data set cannot be called 'training': reports/training holds the training's own report")
        for section, name in (("train", self.train.dataset), ("robustness", self.robustness.dataset)):
            if name not in self.datasets:
                raise ValueError(f"{section}.dataset is {name!r}, which is not a key of datasets ({', '.join(self.datasets)})")
        if self.train.fakes == "dataset" and self.model.heads:
            heads = self.model.heads
            raise ValueError(f"model.heads is {heads}, but fakes of a data set have no blending mask to learn from; set it to []")
        return self


def load_params(path: Path = Path("params.yaml")) -> Params:
    """Read and validate a params file; raises LaanetError with the file, the key, the value and what is allowed."""
    return parse_params(read_params(path), path)


def read_params(path: Path) -> dict[str, Any]:
    """Read a params file without validation; raises LaanetError if it is missing or not a YAML mapping."""
    try:
        loaded: Any = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise LaanetError(f"{path}: not found; run from the project's root or put a preset there with 'make preset-demo'.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise LaanetError(f"{path}: cannot be read ({error}); put a text file with parameters there.") from None
    except yaml.YAMLError as error:
        raise LaanetError(f"{path}: not valid YAML ({' '.join(str(error).split())}); correct the line it names.") from None
    if not isinstance(loaded, dict):
        raise LaanetError(f"{path}: holds no parameters; put a preset there with 'make preset-demo'.")
    return loaded


def parse_params(values: dict[str, Any], path: Path) -> Params:
    """Validate the content of a params file; raises LaanetError as `load_params` does."""
    try:
        return Params.model_validate(values)
    except ValidationError as error:
        raise LaanetError(f"{path}: {describe(error)}") from None


def describe(error: ValidationError) -> str:
    """Describe the first validation error in one sentence with its key, the value found and the violated rule."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"] if part != "[key]") or "the file"
    if first["type"] == "extra_forbidden":
        return f"unknown parameter '{key}'; remove it or correct its spelling."
    if first["type"] == "missing":
        return f"parameter '{key}' is missing; see presets/demo.yaml for its place."
    found = "" if isinstance(first["input"], dict) else f" (found {first['input']!r})"
    return f"{key}: {first['msg'].removeprefix('Value error, ')}{found}; correct the value."
