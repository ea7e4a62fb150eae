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
    """Mean loss (Eq. 8) and AUC over the images of the val split; logit, label: (n,), of each of them, double and 0 or 1."""

    loss: float
    auc: float
    logit: Tensor
    label: Tensor


@torch.no_grad()
def validate(model: LAANet, batches: Iterable[Batch], params: Params, fabric: Any) -> Validation:
    """What the network makes of the val split, of which each process has its own batches and learns of all.

    Leaves the model in evaluation mode. Raises LaanetError when there is no fake, or the loss is not finite.
    """
    model.eval()
    loss, logits, labels = 0.0, list[Tensor](), list[Tensor]()
    for batch in batches:
        with fabric.autocast():
            losses, logit = batch_losses(model, *to_device(model, batch), params)
        loss += float(losses.total) * len(logit)
        logits.append(logit.double().cpu())
        labels.append(batch.targets.label.cpu())
    nothing = [torch.zeros(0)]
    losses_of, logits_of, labels_of = zip(*gather_objects((loss, torch.cat(logits or nothing), torch.cat(labels or nothing))), strict=True)
    return _judge(sum(losses_of), torch.cat(logits_of), torch.cat(labels_of))


def calibrations_of(found: Validation, params: Params) -> Calibrations:
    """Calibrations fitted on a validation, half of which are fakes (or nearly); raises LaanetError where its logits are all the same.

    A slope at its bound is said on stderr.
    """
    fakes = "fakes" if params.train.fakes == "dataset" else "pseudo-fakes"
    fitted = fit_calibrations(found.logit, found.label, f"{fakes} of the val split of {params.train.dataset}")
    for sentence in bounds_reached(fitted, found.logit, found.label):
        print(f"train: calibration on {fitted.source}: {sentence}", file=sys.stderr)
    return fitted


def _judge(loss: float, logit: Tensor, label: Tensor) -> Validation:
    """The validation of all images together, from the sum of their losses."""
    if not math.isfinite(loss):
        raise LaanetError(f"train: validation loss {loss}; lower train.peak_learning_rate.")
    if not label.any():
        raise LaanetError("val split: no pseudo-fake can be made from its landmarks; look at data/landmarks or add real val videos.")
    return Validation(loss / len(label), float(roc_auc_score(label.numpy(), logit.numpy())), logit, label)
