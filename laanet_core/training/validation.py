"""Validation on pseudo-fakes of the val split."""

from __future__ import annotations

import math

import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch.utils.data import DataLoader

from laanet_core.errors import LaanetError
from laanet_core.model import LAANet
from laanet_core.params import Params
from laanet_core.training.data import Batch
from laanet_core.training.losses import Losses, Truth, total_loss


def batch_losses(model: LAANet, batch: Batch, params: Params) -> tuple[Losses, Tensor]:
    """Losses of a batch on the model's device, and its logits (2n,)."""
    images = model.normalise(batch.images).contiguous(memory_format=torch.channels_last)
    output = model(images)
    truth = Truth(*(part.to(images.device) for part in batch.truth))
    weights = {"lambda1": params.lambda1, "lambda2": params.lambda2}
    losses = total_loss(output, truth, **weights, gamma=params.train.gamma, smoothing=params.train.label_smoothing)
    return losses, output.logit


@torch.no_grad()
def validate(model: LAANet, batches: DataLoader[Batch], params: Params) -> tuple[float, float]:
    """Mean loss (Eq. 8) and AUC over the images of the val split, real crops against their pseudo-fakes.

    Leaves the model in evaluation mode. Raises LaanetError when there is no pseudo-fake, or the loss is not finite.
    """
    model.eval()
    loss, logits, labels = 0.0, list[Tensor](), list[Tensor]()
    for batch in batches:
        losses, logit = batch_losses(model, batch, params)
        loss += float(losses.total) * len(logit)
        logits.append(logit.double().cpu())
        labels.append(batch.truth.label)
    label = torch.cat(labels)
    if not math.isfinite(loss):
        raise LaanetError(f"train: validation loss {loss}; lower train.peak_learning_rate.")
    if not label.any():
        raise LaanetError("val split: no pseudo-fake can be made from its landmarks; look at data/landmarks or add real val videos.")
    return loss / len(label), float(roc_auc_score(label.numpy(), torch.cat(logits).numpy()))
