"""Section `train`."""

from __future__ import annotations

from operator import not_
from typing import Annotated, Literal

from pydantic import Field

from laanet_core.params.section import Probability, Section

Recipe = Literal["paper", "official"]


class TrainParams(Section):
    """Training recipe.

    dataset: key under `datasets`; its real train videos are the training set, its real val videos select the checkpoint;
    fakes: `synthetic`, pseudo-fakes generated from the real crops during training, or `dataset`, the fakes of the data set (Xception of
    Table 1; without auxiliary heads);
    recipe: targets and losses of the `paper` or of the `official` code (docs/paper_and_official.md, sections 3 and 4);
    frames_per_epoch: number of frames drawn from each video in each epoch; batch_size: images per step over all processes, half of them
    fakes;
    learning_rate, peak_learning_rate: start and end of the linear warm-up, which takes the fraction `warmup` of the training and is
    followed by a linear decay to 0; freeze_epochs: initial epochs with a frozen backbone;
    rho: radius of SAM, 0 for plain Adam; gamma: exponent of the focal loss (Eq. 5);
    iou: overlap threshold t of the adaptive Gaussian radius; label_smoothing: label smoothing in the paper's recipe (the paper gives no
    value); clip_norm: maximum gradient norm; ema: decay of the moving average of weights and batch statistics, which is what is validated
    and saved;
    compile: use torch.compile; recompute: recompute activations in the backward pass to save memory;
    head_weights: loss weight of each auxiliary head that takes its weight from here; those of the paper's heads are lambda1 and lambda2;
    keep_last: number of training states kept for resuming; save_every: optimizer steps between saved states; log_every: steps per point of
    the training curves.
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
    head_weights: dict[str, Annotated[float, Field(ge=0)]] = Field(default={}, exclude_if=not_)
    keep_last: int = Field(ge=1)
    save_every: int = Field(ge=1)
    log_every: int = Field(ge=1)
