"""The training loop."""

from __future__ import annotations

import math
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from laanet_core.errors import LaanetError
from laanet_core.model import LAANet, build_model, save_model
from laanet_core.parallel import worker_count
from laanet_core.params import Params
from laanet_core.progress import Progress
from laanet_core.randomness import seed_of
from laanet_core.training.data import Batch, TrainingBatches, make_loader, read_clips, validation_batches
from laanet_core.training.log import LogRow, better, write_log, write_metrics
from laanet_core.training.losses import Losses
from laanet_core.training.optim import learning_rate, make_optimizer, sam_step, set_learning_rate, set_train_mode
from laanet_core.training.state import load_state, save_state
from laanet_core.training.validation import batch_losses, validate

_BEST = "best.safetensors"
MOST_LOADERS = 8
"""Loader processes that keep a GPU busy; each of them holds a copy of torch."""


def train(  # noqa: PLR0913, PLR0917 - one path a DVC dependency or output
    params: Params,
    crops: Path,
    landmarks: Path,
    index: Path,
    assets: Path,
    out: Path,
    log_csv: Path,
    metrics_json: Path,
    work: Path,
) -> None:
    """Train the network on the real train videos of a data set; resume where an earlier call with this `work` was ended.

    crops: folder of shards; landmarks: HDF5; index: CSV; assets: folder with `<backbone>/weights.*`; work: folder of the unfinished
    training, the caller's to key by everything above and to delete afterwards.
    Writes `out/model.safetensors` (best validation AUC), `out/last.safetensors`, log_csv (a row an epoch), metrics_json.
    Same inputs and number of threads give the same bytes on a CPU, interrupted or not.
    Raises LaanetError for an empty split, too few crops, weights that do not fit, and a loss that is not finite.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    workers = min(worker_count(), MOST_LOADERS) if device.type == "cuda" else 0
    batches = TrainingBatches(read_clips("train", crops, landmarks, index), params)
    validation_clips = read_clips("val", crops, landmarks, index)
    validation = make_loader(validation_clips, validation_batches(validation_clips, params), params, workers)
    with repeatable(device):
        training = Training(params, start_model(params, assets, device), batches.steps_per_epoch, work)
        batches.start = training.position.step
        training.run(make_loader(batches.clips, batches, params, workers), validation, log_csv)
    training.publish(out, log_csv, metrics_json)


@contextmanager
def repeatable(device: torch.device) -> Iterator[None]:
    """Only operations that give the same bits each time, on a CPU."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(before or device.type == "cpu")
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)


def start_model(params: Params, assets: Path, device: torch.device) -> LAANet:
    """The network before its first step, its random parts drawn from the seed."""
    torch.manual_seed(seed_of(params.seed, "weights"))
    weights = assets / params.model.backbone if params.model.pretrained else None
    model = build_model(params.model, weights, params.crops.size)
    return model.to(memory_format=torch.channels_last).to(device)


class Training:
    """A training under way: its network, its optimizer, and where it stands."""

    def __init__(self, params: Params, model: LAANet, steps_per_epoch: int, work: Path) -> None:
        self.params, self.model, self.steps_per_epoch, self.work = params, model, steps_per_epoch, work
        self.optimizer = make_optimizer(model, params.train)
        self.steps = params.train.epochs * steps_per_epoch
        self.position = load_state(work, model, self.optimizer)
        if self.position.step:
            print(f"train: going on at step {self.position.step} of {self.steps}", file=sys.stderr)

    def run(self, batches: DataLoader[Batch], validation: DataLoader[Batch], log_csv: Path) -> None:
        """Take the steps that are left; validate after each epoch; save the state on the way."""
        with Progress("train", self.steps, self.position.step) as progress:
            before = time.monotonic()
            for batch in batches:
                losses = self.step(batch)
                if self.position.step % self.steps_per_epoch == 0:
                    self.finish_epoch(validation)
                    write_log(log_csv, self.position.rows)
                    self.save()
                elif self.position.step % self.params.train.save_every == 0:
                    self.save()
                before, last = time.monotonic(), before
                rate = len(batch.images) / (before - last)
                progress.advance(f"loss {float(losses.total):.2f}, {rate:.0f} images/s{self.last_validation()}")

    def step(self, batch: Batch) -> Losses:
        """One step of SAM; raises LaanetError when the loss is not finite."""
        position, train = self.position, self.params.train
        epoch = position.step // self.steps_per_epoch
        set_train_mode(self.model, frozen_backbone=epoch < train.freeze_epochs)
        set_learning_rate(self.optimizer, learning_rate(position.step, self.steps, train))
        losses = sam_step(self.model, self.optimizer, train.rho, lambda: self.losses(batch))
        values = [float(loss) for loss in losses]
        if not all(map(math.isfinite, values)):
            raise LaanetError(f"train: loss {values[0]} at step {position.step + 1} of epoch {epoch + 1}; lower train.peak_learning_rate.")
        position.sums = [total + value for total, value in zip(position.sums, values, strict=True)]
        position.step += 1
        return losses

    def losses(self, batch: Batch) -> Losses:
        """Losses of a batch; the random draws in the network are keyed by the step, so that both passes of SAM share them."""
        torch.manual_seed(seed_of(self.params.seed, "dropout", self.position.step))
        return batch_losses(self.model, batch, self.params)[0]

    def finish_epoch(self, validation: DataLoader[Batch]) -> None:
        """Validate, write the epoch's row, and keep the network if it is the best so far."""
        position = self.position
        total, classification, heatmap, consistency = (value / self.steps_per_epoch for value in position.sums)
        rate = float(self.optimizer.param_groups[0]["lr"])
        val_loss, val_auc = validate(self.model, validation, self.params)
        epoch = len(position.rows) + 1
        position.rows.append(LogRow(epoch, position.step, total, classification, heatmap, consistency, rate, val_loss, val_auc))
        position.sums = [0.0] * 4
        if position.best < 0 or better(position.rows[-1], position.rows[position.best]):
            position.best = len(position.rows) - 1
            save_model(self.model, self.work / _BEST)

    def save(self) -> None:
        """Save the state; what happens after it is done again, alike, by a run that resumes."""
        save_state(self.work, self.model, self.optimizer, self.position, self.params.train.keep_last)

    def last_validation(self) -> str:
        """The last epoch's validation, for the progress line."""
        rows = self.position.rows
        return f", epoch {rows[-1].epoch}: val AUC {rows[-1].val_auc:.3f}" if rows else ""

    def publish(self, out: Path, log_csv: Path, metrics_json: Path) -> None:
        """Write the outputs of a finished training."""
        out.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.work / _BEST, out / "model.safetensors")
        save_model(self.model, out / "last.safetensors")
        write_log(log_csv, self.position.rows)
        write_metrics(metrics_json, self.position.rows[self.position.best])
