"""Validation on the val split: real crops against their pseudo-fakes, or against the fakes of the data set."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from laanet_core.errors import LaanetError
from laanet_core.model import LAANet
from laanet_core.params import Params
from laanet_core.training.learner import batch_losses, to_device
from laanet_core.training.pairs import Batch
from laanet_core.training.processes import gather_objects


@torch.no_grad()
def validate(model: LAANet, batches: Iterable[Batch], params: Params, fabric: Any) -> tuple[float, float]:
    """Mean loss (Eq. 8) and AUC over the images of the val split, of which each process has its own batches.

    Leaves the model in evaluation mode. Raises LaanetError when there is no fake, or the loss is not finite.
    """
    model.eval()
    loss, logits, labels = 0.0, list[Tensor](), list[Tensor]()
    for batch in batches:
        with fabric.autocast():
            losses, logit = batch_losses(model, *to_device(model, batch), params)
        loss += float(losses.total) * len(logit)
        logits.append(logit.double().cpu())
        labels.append(batch.truth.label.cpu())
    nothing = [torch.zeros(0)]
    losses_of, logits_of, labels_of = zip(*gather_objects((loss, torch.cat(logits or nothing), torch.cat(labels or nothing))), strict=True)
    return _judge(sum(losses_of), torch.cat(logits_of), torch.cat(labels_of))


def _judge(loss: float, logit: Tensor, label: Tensor) -> tuple[float, float]:
    """Mean loss and AUC of all images together."""
    if not math.isfinite(loss):
        raise LaanetError(f"train: validation loss {loss}; lower train.peak_learning_rate.")
    if not label.any():
        raise LaanetError("val split: no pseudo-fake can be made from its landmarks; look at data/landmarks or add real val videos.")
    return loss / len(label), float(roc_auc_score(label.numpy(), logit.numpy()))
