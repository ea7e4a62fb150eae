"""Validation on the val split: real crops against their pseudo-fakes, or against the fakes of the data set."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from laanet_core.errors import LaanetError
from laanet_core.model import LAANet
from laanet_core.model.calibration import Calibrations, bounds_reached, fit_calibrations
from laanet_core.params import Params
from laanet_core.training.batch import Batch
from laanet_core.training.distributed import gather_objects
from laanet_core.training.step import batch_losses, to_device


class Validation(NamedTuple):
    """Mean loss (Eq. 8) and AUC over the n images of the val split; logit: float64 (n,); label: (n,), 0 or 1."""

    loss: float
    auc: float
    logit: Tensor
    label: Tensor


@torch.no_grad()
def validate(model: LAANet, batches: Iterable[Batch], params: Params, fabric: Any) -> Validation:
    """Evaluate the network on the val split; each process has its own batches and returns the result for all of them.

    Leaves the model in evaluation mode. Raises LaanetError if there is no fake, or if the loss is not finite.
    """
    model.eval()
    loss, logits, labels = 0.0, list[Tensor](), list[Tensor]()
    for batch in batches:
        with fabric.autocast():
            losses, logit = batch_losses(model, *to_device(model, batch), params)
        loss += float(losses.total) * len(logit)
        logits.append(logit.double().cpu())
        labels.append(batch.targets.label.cpu())
    empty = [torch.zeros(0)]  # a process without batches
    parts = gather_objects((loss, torch.cat(logits or empty), torch.cat(labels or empty)))
    all_losses, all_logits, all_labels = zip(*parts, strict=True)
    return _summary(sum(all_losses), torch.cat(all_logits), torch.cat(all_labels))


def calibrations_of(found: Validation, params: Params) -> Calibrations:
    """Fit calibrations on the logits of a validation, about half of which are fakes; prints a message for each slope at its bound.

    Raises LaanetError if all logits are equal.
    """
    fakes = "fakes" if params.train.fakes == "dataset" else "pseudo-fakes"
    fitted = fit_calibrations(found.logit, found.label, f"{fakes} of the val split of {params.train.dataset}")
    for sentence in bounds_reached(fitted, found.logit, found.label):
        print(f"train: calibration on {fitted.source}: {sentence}", file=sys.stderr)
    return fitted


def _summary(loss: float, logit: Tensor, label: Tensor) -> Validation:
    """The validation result from the sum of losses, the logits and the labels of all images."""
    if not math.isfinite(loss):
        raise LaanetError(f"train: validation loss {loss}; lower train.peak_learning_rate.")
    if not label.any():
        raise LaanetError("val split: no pseudo-fake can be made from its landmarks; check data/landmarks or add real val videos.")
    return Validation(loss / len(label), float(roc_auc_score(label.numpy(), logit.numpy())), logit, label)
