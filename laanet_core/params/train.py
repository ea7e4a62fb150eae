"""Section `train`."""

from __future__ import annotations

from operator import not_
from typing import Annotated, Literal

from pydantic import Field

from laanet_core.params.section import Probability, Section

Recipe = Literal["paper", "official"]


class TrainParams(Section):
    """Recipe of the training.

    dataset: key under `datasets` whose real train videos are learnt from and whose real val videos choose the checkpoint;
    fakes: `synthetic` ones, made of the real crops on the way, or those of the `dataset` (Table 1's Xception; no auxiliary heads);
    recipe: targets and losses as the `paper` has them, or as the `official` code has (docs/paper_and_official.md, sections 3 and 4);
    frames_per_epoch: frames drawn anew from each video for an epoch; batch_size: images a step of all processes, half of them fakes;
    learning_rate, peak_learning_rate: start of the linear rise and its end after `warmup` (fraction of the training), then linear to 0;
    freeze_epochs: epochs in which the backbone is not trained;
    rho: radius of SAM, 0 for plain Adam; gamma: exponent of the focal loss (Eq. 5);
    iou: overlap threshold t of the adaptive Gaussian radius; label_smoothing: amount taken from the hard labels by the paper's recipe
    (the paper does not give it); clip_norm: largest norm of a gradient; ema: decay of the averaged weights and batch statistics that are
    validated and kept;
    compile: torch.compile; recompute: recompute activations in the backward pass to save memory;
    head_weights: loss weight of each auxiliary head that takes its weight from here; those of the paper's heads are lambda1 and lambda2;
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
    head_weights: dict[str, Annotated[float, Field(ge=0)]] = Field(default={}, exclude_if=not_)
    keep_last: int = Field(ge=1)
    save_every: int = Field(ge=1)
    log_every: int = Field(ge=1)
