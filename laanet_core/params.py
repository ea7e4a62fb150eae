"""Typed parameters: one class for each section of params.yaml. Units stand in the docstrings."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from laanet_core.errors import LaanetError

Probability = Annotated[float, Field(ge=0, le=1)]
Split = Literal["train", "val", "test"]
DetectorName = Literal["retinaface_mobilenet", "retinaface_resnet50"]
Head = Literal["heatmap", "consistency"]
Recipe = Literal["paper", "official"]
Corruption = Literal["saturation", "contrast", "block", "noise", "blur", "pixelation"]
Hull = Literal["full", "extended", "components", "face"]
_Number = TypeVar("_Number", int, float)


def _ascending(bounds: list[_Number]) -> list[_Number]:
    """A range (low, high) as it is; refuses one that is upside down."""
    if bounds[0] > bounds[1]:
        raise ValueError(f"a range is given as [low, high], found {bounds}")
    return bounds


_ARange = (Field(min_length=2, max_length=2), AfterValidator(_ascending))
Scales = Annotated[list[Annotated[float, Field(ge=0.2, le=5)]], *_ARange]
Fractions = Annotated[list[Annotated[float, Field(gt=0, le=1)]], *_ARange]
Deviations = Annotated[list[Annotated[float, Field(gt=0, le=100)]], *_ARange]
Blurs = Annotated[list[Annotated[float, Field(gt=0, le=10)]], *_ARange]
Kernels = Annotated[list[Annotated[int, Field(ge=1, le=99)]], *_ARange]
Qualities = Annotated[list[Annotated[int, Field(ge=1, le=100)]], *_ARange]


class Section(BaseModel):
    """Base of every section: an unknown key is an error, values are never changed after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DatasetParams(Section):
    """One data set, named by its key under `datasets`.

    root: folder of the data set, absolute or relative to the project.
    adapter: folder layout (`laanet_core.datasets`); by default the key itself where a layout has that name, else `folder`.
    compression: which compression of a data set that has several (FF++, DFD, lists of DeepfakeBench).
    partial: go on with an official data set of which videos are missing; those that its lists name are rows with a status.
    cropped: its pictures are face crops already, and nothing is to be cropped; by default what the layout says.
    listing: JSON list of the layout `deepfakebench`, absolute or relative to root.
    """

    root: str
    adapter: str | None = None
    compression: Literal["c0", "c23", "c40"] = "c23"
    partial: bool = False
    cropped: bool | None = None
    listing: str | None = None


class AssetsParams(Section):
    """paths: asset name -> a file that the user already has, used instead of a download."""

    paths: dict[str, str] = {}


class DemoParams(Section):
    """The embedded data set. enabled: build it; seconds: length of a clip; crf: H.264 quality of its files."""

    enabled: bool
    seconds: float = Field(gt=0)
    crf: int = Field(ge=0, le=51)


class FramesParams(Section):
    """count: frames sampled a video, by split; minimum: fewer decodable frames than this is `too_few_frames`."""

    count: dict[Split, Annotated[int, Field(ge=1)]]
    minimum: int = Field(ge=1)


class CropsParams(Section):
    """enlarge: side of the crop over the longer side of the face box; size: pixels of a crop's side, a multiple of 32;
    faces: the largest face of a frame or all; min_score: detector confidence below which there is no face;
    max_side: longer side in pixels at which faces are searched."""

    detector: DetectorName
    enlarge: float = Field(ge=1, le=4)
    size: int = Field(ge=64, le=1024, multiple_of=32)
    faces: Literal["largest", "all"]
    min_score: Probability
    max_side: int = Field(ge=128, le=4096)


class QualityParams(Section):
    """bins: ascending edges of the Mask-SSIM bins, the last bin closed on both sides; quantiles: instead of these edges, so many bins
    with the same number of fakes each;
    forehead: how far the head mask reaches above the eyebrows, in distances from the brows to the chin."""

    bins: list[float] = Field(min_length=2)
    quantiles: int | None = Field(default=None, ge=2, le=20)
    forehead: float = Field(ge=0, le=1)

    @model_validator(mode="after")
    def _ascending(self) -> QualityParams:
        if any(low >= high for low, high in itertools.pairwise(self.bins)):
            raise ValueError(f"bins must ascend, found {self.bins}")
        return self


class ModelParams(Section):
    """The network. backbone: a timm name; pretrained: start from the ImageNet weights in data/assets;
    pyramid: `efpn` (Eq. 9), `fpn` (traditional), or `none` (the top features alone: Table 3 without E-FPN, baselines of Table 1);
    levels: feature levels that the pyramid uses, from the top (Table 4); heads: auxiliary heads beside the classifier (Table 3);
    gamma_w: exponent of E-FPN's mask (Eq. 9); dropout: on each tap in training; drop_path: stochastic depth of the backbone;
    padded_for: image size that the backbone's SAME padding is fixed for, as in the published network (380); none: each image's own."""

    backbone: str
    pretrained: bool
    pyramid: Literal["efpn", "fpn", "none"]
    levels: list[Annotated[int, Field(ge=2, le=6)]] = Field(min_length=1)
    heads: list[Head]
    gamma_w: float = Field(gt=0)
    dropout: Probability
    drop_path: Probability
    padded_for: int | None = Field(default=None, ge=32)

    @model_validator(mode="after")
    def _run_of_levels(self) -> ModelParams:
        if self.levels != list(range(6, 6 - len(self.levels), -1)):
            raise ValueError(f"levels must be a run from 6 downwards such as [6, 5, 4, 3], found {self.levels}")
        return self

    @model_validator(mode="after")
    def _each_head_once(self) -> ModelParams:
        if len(set(self.heads)) < len(self.heads):
            raise ValueError(f"heads must name each head once, found {self.heads}")
        return self


class TrainParams(Section):
    """Recipe of the training.

    dataset: key under `datasets` whose real train videos are learnt from and whose real val videos choose the checkpoint;
    fakes: `synthetic` ones, made of the real crops on the way, or those of the `dataset` (Table 1's Xception; no auxiliary heads);
    recipe: targets and losses as the `paper` has them, or as the `official` code has (reference_facts, sec. 3 and 4);
    frames_per_epoch: frames drawn anew from each video for an epoch; batch_size: images a step of all processes, half of them fakes;
    learning_rate, peak_learning_rate: start of the linear rise and its end after `warmup` (fraction of the training), then linear to 0;
    freeze_epochs: epochs in which the backbone is not trained;
    rho: radius of SAM, 0 for plain Adam; gamma: exponent of the focal loss (Eq. 5);
    iou: overlap threshold t of the adaptive Gaussian radius; label_smoothing: amount taken from the hard labels by the paper's recipe
    (the paper does not give it); clip_norm: largest norm of a gradient; ema: decay of the averaged weights and batch statistics that are
    validated and kept;
    compile: torch.compile; recompute: recompute activations in the backward pass to save memory;
    keep_last: training states kept for resumption; save_every: optimizer steps between them; log_every: steps a point of the curves.
    """

    dataset: str
    fakes: Literal["synthetic", "dataset"]
    recipe: Recipe
    epochs: int = Field(ge=1)
    frames_per_epoch: int = Field(ge=1)
    batch_size: int = Field(ge=2, multiple_of=2)
    learning_rate: float = Field(gt=0)
    peak_learning_rate: float = Field(gt=0)
    warmup: Probability
    weight_decay: float = Field(ge=0)
    rho: float = Field(ge=0)
    freeze_epochs: int = Field(ge=0)
    gamma: float = Field(ge=0)
    iou: float = Field(gt=0, lt=1)
    label_smoothing: float = Field(ge=0, lt=0.5)
    clip_norm: float | None = Field(gt=0)
    ema: float | None = Field(gt=0, lt=1)
    compile: bool
    recompute: bool
    keep_last: int = Field(ge=1)
    save_every: int = Field(ge=1)
    log_every: int = Field(ge=1)


class SbiParams(Section):
    """Self-blended images (reference_facts, section 5). Ranges are drawn from evenly; +-x is a range from -x to x.

    change_source: probability that the colours of the source are changed, and not those of the target;
    rgb_shift: +- grey levels a channel, with rgb_shift_probability; hue: +- 8-bit steps of two degrees;
    saturation, brightness, contrast: +- parts;
    pixelate_probability: of a coarser image, else a sharper one; pixelate: factors, one of which makes the blocks; sharpen: amount;
    shift_x, shift_y: +- parts of the crop's sides that source and mask are moved by; scale: their scale, from this to 1 over it;
    mask_scale: resolution at which the mask is softened, over the crop's; mask_kernel: odd pixels of its first blur;
    mask_precision: `uint8` keeps the softened area near .99 of the hull, `float` shrinks it to .76 to .89, the more the smaller the hull;
    blend_ratios: one of them scales the mask.
    """

    change_source: Probability = 0.5
    rgb_shift: float = Field(default=20, ge=0, le=255)
    rgb_shift_probability: Probability = 0.3
    hue: float = Field(default=0.3, ge=0, le=90)
    saturation: Probability = 0.3
    brightness: Probability = 0.1
    contrast: Probability = 0.1
    pixelate_probability: Probability = 0.5
    pixelate: list[Annotated[float, Field(ge=1, le=64)]] = Field(default=[2, 4], min_length=1)
    sharpen: Scales = [0.2, 0.5]
    shift_x: float = Field(default=0.03, ge=0, le=0.5)
    shift_y: float = Field(default=0.015, ge=0, le=0.5)
    scale: float = Field(default=0.95, gt=0.1, le=1)
    mask_scale: Scales = [0.8, 1.25]
    mask_kernel: Kernels = [5, 25]
    mask_precision: Literal["uint8", "float"] = "uint8"
    blend_ratios: list[Annotated[float, Field(gt=0, le=1)]] = Field(default=[0.25, 0.5, 0.75, 1.0, 1.0, 1.0], min_length=1)


class BiParams(Section):
    """Blended images of two people (reference_facts, section 5). Ranges are drawn from evenly.

    neighbours: at most so many faces of other people, those with the nearest landmarks, from which the foreground is drawn;
    mean_colour: probability that the foreground takes over the background's mean colour alone, and not its mean and deviation in Lab;
    warp: deviation, in parts of the crop's side, by which the corners of a grid of warp_cells a side are moved, and the mask between them
    by an affine map a triangle; erode: probability that the mask is eroded and not dilated; edge_kernel: odd pixels of that.
    """

    neighbours: int = Field(default=30, ge=1, le=1000)
    mean_colour: Probability = 0.5
    warp: float = Field(default=0.015, ge=0, le=0.2)
    warp_cells: int = Field(default=4, ge=1, le=32)
    erode: Probability = 0.5
    edge_kernel: Kernels = [1, 21]


class SynthesisParams(Section):
    """Pseudo-fakes, with the published values as defaults. Pixels are those of a 384 px crop and scale with it.

    method: `sbi`, self-blended images, or `bi`, blended images of two people; hulls: variants of the landmarks' hull, one of which is
    drawn; elastic_alpha, elastic_sigma: pixels of the mask's elastic deformation; feather_kernel, feather_sigma: odd kernel and deviation
    in pixels of the blur that softens it.
    """

    method: Literal["sbi", "bi"] = "sbi"
    hulls: list[Hull] = Field(default=["full", "extended", "components", "face"], min_length=1)
    elastic_alpha: float = Field(default=50, ge=0, le=1000)
    elastic_sigma: float = Field(default=7, gt=0, le=100)
    feather_kernel: Kernels = [5, 25]
    feather_sigma: Deviations = [5, 45]
    sbi: SbiParams = SbiParams()
    bi: BiParams = BiParams()


class AugmentParams(Section):
    """Augmentations of a real image and its fake alike (paper, sec. 4.1). The paper names them; their values are this project's.

    flip, crop, scale, erase, colour, noise, blur, jpeg: probability of each. crop_side: side of the part that is shown, over the image's;
    scale_by: zoom about the centre; erase_side: sides of the erased rectangle, over the image's; contrast, brightness, saturation: +-
    parts; hue: +- radians; noise_deviation: grey levels; blur_sigma: pixels; jpeg_quality: of libjpeg's scale.
    """

    flip: Probability = 0.5
    crop: Probability = 0.5
    crop_side: Fractions = [0.8, 1.0]
    scale: Probability = 0.5
    scale_by: Scales = [0.9, 1.1]
    erase: Probability = 0.2
    erase_side: Fractions = [0.1, 0.3]
    colour: Probability = 0.3
    contrast: Probability = 0.2
    brightness: Probability = 0.1
    saturation: Probability = 0.2
    hue: float = Field(default=0.1, ge=0, le=3.2)
    noise: Probability = 0.3
    noise_deviation: Deviations = [1, 12]
    blur: Probability = 0.2
    blur_sigma: Blurs = [0.4, 1.6]
    jpeg: Probability = 0.5
    jpeg_quality: Qualities = [40, 95]


class EvaluateParams(Section):
    """How videos are scored and measured.

    checkpoint: the network that scores, by default the trained one; split: which videos are scored; batch_size: crops a GPU pass;
    average: what is averaged over a video's frames, probabilities of fake or logits; flip: score each crop mirrored as well, and average;
    calibration: which of the checkpoint's calibrations turns a logit into a probability; threshold: probability from which a video is
    called fake, for the measures that need one; bootstrap: resamples of the 95 % intervals; gallery: crops shown in the report for each
    data set.
    """

    checkpoint: str
    split: Split | Literal["all"]
    batch_size: int = Field(ge=1)
    average: Literal["probability", "logit"]
    flip: bool
    calibration: Literal["none", "temperature", "platt"]
    threshold: float = Field(gt=0, lt=1)
    bootstrap: int = Field(ge=0)
    gallery: int = Field(ge=0)


class RobustnessParams(Section):
    """Scores under corruption (Table 2). dataset: key under `datasets` whose scored videos are corrupted; corruptions: kinds, none to skip;
    severities: of the five levels of each; frames: at most so many evenly spaced frames of a video."""

    dataset: str
    corruptions: list[Corruption]
    severities: list[Annotated[int, Field(ge=1, le=5)]] = Field(min_length=1)
    frames: int = Field(ge=1)

    @model_validator(mode="after")
    def _each_once(self) -> RobustnessParams:
        for name, values in (("corruptions", self.corruptions), ("severities", self.severities)):
            if len(set(values)) < len(values):
                raise ValueError(f"{name} must name each once, found {values}")
        return self


class Params(Section):
    """The whole of params.yaml. lambda1, lambda2: weights of the heat-map and consistency losses (Eq. 8)."""

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
    """Read and check a params file; raises LaanetError that names the file, the key, the value and what is allowed."""
    return parse_params(read_params(path), path)


def read_params(path: Path) -> dict[str, Any]:
    """The content of a params file as it stands there; raises LaanetError when it is missing or no mapping in YAML."""
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
    """Check the content of a params file; raises LaanetError as `load_params` does."""
    try:
        return Params.model_validate(values)
    except ValidationError as error:
        raise LaanetError(f"{path}: {describe(error)}") from None


def describe(error: ValidationError) -> str:
    """One sentence for the first of a validation's errors, with its key, the value found and the rule broken."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"] if part != "[key]") or "the file"
    if first["type"] == "extra_forbidden":
        return f"unknown parameter '{key}'; remove it or mend its spelling."
    if first["type"] == "missing":
        return f"parameter '{key}' is missing; see presets/demo.yaml for its place."
    found = "" if isinstance(first["input"], dict) else f" (found {first['input']!r})"
    return f"{key}: {first['msg'].removeprefix('Value error, ')}{found}; mend the value."
