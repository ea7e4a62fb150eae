"""The training loop."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch.utils.data import Sampler

from laanet_core.errors import GOES_ON, InterruptedRunError, LaanetError
from laanet_core.heads.registry import find_heads, head_weights
from laanet_core.model import LAANet, build_model, save_model
from laanet_core.model.calibration import Calibrations
from laanet_core.params import Params, Split
from laanet_core.randomness import seed_of
from laanet_core.runtime.executor import worker_count
from laanet_core.runtime.interrupts import Interrupts, deferred_interrupts
from laanet_core.runtime.memory import keep_freed_memory
from laanet_core.runtime.progress import Progress
from laanet_core.store.account import Account, write_account
from laanet_core.store.writing import copy_file
from laanet_core.training.batch import Batch
from laanet_core.training.curves import write_curves
from laanet_core.training.dataset import Draw, SplitClips, TrainingBatches, read_clips, validation_batches
from laanet_core.training.distributed import gather_objects, mean_over_processes, open_fabric
from laanet_core.training.failure import keep_batch
from laanet_core.training.loader import Crops, make_loader
from laanet_core.training.log import LogRow, better, write_log, write_metrics
from laanet_core.training.losses import CLASSIFICATION, TOTAL, loss_columns
from laanet_core.training.optim import learning_rate
from laanet_core.training.pairs import PairBatches
from laanet_core.training.partners import partners_of
from laanet_core.training.state import load_state, save_state
from laanet_core.training.step import Learner, NotFinite
from laanet_core.training.validation import Validation, calibrations_of, validate

_BEST, _LAST = "best.safetensors", "last.safetensors"
MAX_LOADERS = 8
"""Maximum number of loader processes, enough to keep a GPU busy; each of them loads torch."""


@dataclass(frozen=True)
class TrainingFiles:
    """Input and output paths of a training.

    crops: folder of shards; landmarks: HDF5; index: CSV; assets: folder with `<backbone>/weights.*`;
    out: folder of the checkpoints; reports: folder of log.csv, metrics.json, made.json and the curves.
    """

    crops: Path
    landmarks: Path
    index: Path
    assets: Path
    out: Path
    reports: Path


def train(params: Params, files: TrainingFiles, work: Path, made: Account) -> None:
    """Train the network on the train videos of a data set; resume an earlier call with the same `work` folder.

    work: folder with the state, log and curves of the unfinished training. The caller must derive its name from everything that the
    result depends on, and delete it afterwards. made: account of the result.
    Writes `out/model.safetensors` (best validation AUC) and `out/last.safetensors`, each calibrated on its own validation,
    `reports/log.csv` (one row per epoch), the curves, `reports/metrics.json`, and the account into each checkpoint and
    `reports/made.json`. On a CPU, the same inputs and number of threads give the same bytes, interrupted or not.
    Under torchrun every process calls this function, and the first process writes.
    Raises LaanetError for an unknown head or missing head weight, an empty split, too few crops, weights that do not fit, and a loss that
    is not finite; InterruptedRunError after Ctrl-C, once the state of the current step is saved.
    """
    head_weights(params)  # fail early
    fabric = open_fabric()
    rank, processes = fabric.global_rank, fabric.world_size
    train_data, val_data = (_read_split(split, params, files) for split in ("train", "val"))
    batches = TrainingBatches(train_data.real.clips, params, rank, processes)
    keep_freed_memory()
    with repeatable(fabric.device):
        learner = Learner(start_model(params, files.assets), params, fabric)
        learner.eval_model.made = made
        training = Training(params, learner, batches.steps_per_epoch, work)
        training.report_left_out(train_data.real)
        batches.start = training.position.step
        pairs = _make_pairs(train_data, batches, params, fabric, augmented=True)
        validation = validation_batches(val_data.real.clips, params)[rank::processes]
        training.run(pairs, _make_pairs(val_data, validation, params, fabric, augmented=False))
    training.publish(files, made)
    fabric.barrier()


class SplitData(NamedTuple):
    """The real videos of a split, and its fakes if the training uses fakes of the data set."""

    real: SplitClips
    fakes: SplitClips | None


def _read_split(split: Split, params: Params, files: TrainingFiles) -> SplitData:
    where = (files.crops, files.landmarks, files.index)
    if params.train.fakes == "dataset":
        return SplitData(read_clips(split, *where), read_clips(split, *where, label=1))
    return SplitData(read_clips(split, *where, blend_size=params.crops.size), None)


def _make_pairs(
    data: SplitData, batches: Sampler[list[Draw]] | list[list[Draw]], params: Params, fabric: Any, *, augmented: bool
) -> PairBatches:
    """Pairs for the draws of batches, made on the fabric's device; for a GPU, worker processes read the crops."""
    workers = min(worker_count() // fabric.world_size, MAX_LOADERS) if fabric.device.type == "cuda" else 0
    real, fakes = data.real.clips, data.fakes and data.fakes.clips
    crops = Crops(real, params.seed, params.crops.size, partners_of(real, fakes, params, fabric.device))
    return PairBatches(make_loader(crops, batches, workers), params, fabric.device, augmented=augmented)


@contextmanager
def repeatable(device: torch.device) -> Iterator[None]:
    """Use deterministic operations on a CPU, and the fastest convolution algorithms on a GPU."""
    before, tuned = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    filled = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    torch.use_deterministic_algorithms(before or device.type == "cpu")
    # filling new memory takes a fifth of a step's time, and no code here reads memory that it has not written
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        torch.utils.deterministic.fill_uninitialized_memory = filled  # type: ignore[attr-defined]
        torch.backends.cudnn.benchmark = tuned


def start_model(params: Params, assets: Path) -> LAANet:
    """The network before its first step, with random weights drawn from the seed."""
    torch.manual_seed(seed_of(params.seed, "weights"))
    weights = assets / params.model.backbone if params.model.pretrained else None
    return build_model(params.model, weights, params.crops.size)


class Training:
    """A running training: learner, position and outputs. Of several processes only the first writes; all track the position."""

    def __init__(self, params: Params, learner: Learner, steps_per_epoch: int, work: Path) -> None:
        self.params, self.learner, self.steps_per_epoch, self.work = params, learner, steps_per_epoch, work
        self.columns = loss_columns(params.model.heads)
        self.steps = params.train.epochs * steps_per_epoch
        self.position = load_state(work, learner)
        steps = set(gather_objects(self.position.step))
        if len(steps) > 1:
            raise LaanetError(
                f"{work}: the processes found states of steps {sorted(steps)}; set LAANET_WORK to one folder that all of them share."
            )
        self.writes: bool = learner.fabric.is_global_zero
        self.left_out = 0
        self.waited_s = 0.0
        if self.position.step:
            self._say(f"train: going on at step {self.position.step} of {self.steps}")

    def report_left_out(self, split: SplitClips) -> None:
        """Record and print the number of train crops whose landmarks allow no blend."""
        self.left_out = split.left_out
        if split.left_out:
            crops = split.left_out + sum(len(clip.members) for clip in split.clips)
            self._say(f"train: {split.left_out} of {crops} crops are left out: their landmarks allow no blend")

    def run(self, batches: Iterable[Batch], validation: Iterable[Batch]) -> None:
        """Do the remaining steps; validate after each epoch; save the state regularly, and after Ctrl-C."""
        # with several processes, none may stop alone: the launcher ends them all
        watch = deferred_interrupts() if self.learner.fabric.world_size == 1 else nullcontext(Interrupts())
        with watch as interrupts, Progress("train", self.steps, self.position.step, shown=self.writes) as progress:
            start = before = time.monotonic()
            for batch in self._timed(batches):
                losses = self.step(batch)
                finished = self.position.step % self.steps_per_epoch == 0
                if finished:
                    self.finish_epoch(validation)
                if finished or interrupts.asked or self.position.step % self.params.train.save_every == 0:
                    self.save()
                if interrupts.asked:
                    raise InterruptedRunError(f"train: interrupted at step {self.position.step} of {self.steps}; {GOES_ON}")
                before, last = time.monotonic(), before
                waited = self.waited_s / (before - start)
                progress.advance(self._note(losses, self.params.train.batch_size / (before - last), waited))

    def _timed(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Yield the batches and add up the time spent waiting for them."""
        start = time.monotonic()
        for batch in batches:
            self.waited_s += time.monotonic() - start
            yield batch
            start = time.monotonic()

    def step(self, batch: Batch) -> dict[str, float]:
        """One step of SAM: losses by column. If the loss is not finite, saves a copy of the batch and raises LaanetError."""
        position, train = self.position, self.params.train
        epoch = position.step // self.steps_per_epoch
        rate = learning_rate(position.step, self.steps, train)
        seed = seed_of(self.params.seed, "dropout", position.step)
        try:
            losses = self.learner.step(batch, rate, seed, frozen_backbone=epoch < train.freeze_epochs)
        except NotFinite as found:
            where = keep_batch(batch, self._kept_batch())
            what = f"{found} at step {position.step + 1} of epoch {epoch + 1}, on {', '.join(batch.items)}"
            raise LaanetError(f"train: {what}; the batch is kept in {where}; lower train.peak_learning_rate or fix those crops.") from None
        values = losses.by_column()
        position.unblended += self._unblended(batch)
        position.step += 1
        position.add(values)
        if position.step % train.log_every == 0 or position.step == self.steps:
            count = (position.step - 1) % train.log_every + 1
            position.points.append({"step": position.step, **self._means(position.recent, count), "learning_rate": rate})
            position.recent = {}
        return values

    def _means(self, sums: Mapping[str, float], count: int) -> dict[str, float]:
        """Mean of each loss column over a number of steps; 0 for heads that the network lacks."""
        return {column: sums.get(column, 0.0) / count for column in self.columns}

    def _unblended(self, batch: Batch) -> int:
        """Number of pairs of a batch, in all processes, whose second image is real as well."""
        fakes = mean_over_processes(batch.targets.label.sum()) * self.learner.fabric.world_size
        return self.params.train.batch_size // 2 - round(float(fakes))

    def _kept_batch(self) -> Path:
        """Path for this process's copy of the batch of the failed step."""
        rank = f".rank-{self.learner.fabric.global_rank}" if self.learner.fabric.world_size > 1 else ""
        return self.work.with_name(f"{self.work.name}.step-{self.position.step + 1}{rank}.safetensors")

    def finish_epoch(self, validation: Iterable[Batch]) -> None:
        """Validate, add the epoch's row to the log, and save the network if it is the best so far or the last."""
        position = self.position
        losses = self._means(position.sums, self.steps_per_epoch)
        rate = float(self.learner.optimizer.param_groups[0]["lr"])
        found = validate(self.learner.eval_model, validation, self.params, self.learner.fabric)
        epoch = len(position.rows) + 1
        position.rows.append(LogRow(epoch, position.step, losses, rate, found.loss, found.auc, position.unblended))
        position.sums, position.unblended = {}, 0
        if position.best < 0 or better(position.rows[-1], position.rows[position.best]):
            position.best = len(position.rows) - 1
        if self.writes:
            self._save_network(found)

    def _save_network(self, found: Validation) -> None:
        """Save the network, calibrated on its last validation, if it is the best so far or the last."""
        position, network = self.position, self.learner.eval_model
        best, last = position.best == len(position.rows) - 1, position.step == self.steps
        if best or last:
            network.calibrations = self._calibrations(found)
        for name in [_BEST] * best + [_LAST] * last:
            save_model(network, self.work / name)

    def _calibrations(self, found: Validation) -> Calibrations | None:
        """Calibrations fitted on a validation; None, with a message, if none can be fitted."""
        try:
            return calibrations_of(found, self.params)
        except LaanetError as error:
            self._say(f"train: epoch {len(self.position.rows)} is not calibrated ({str(error).rstrip('.')})")
            return None

    def save(self) -> None:
        """Save the state, log and curves so far. A resumed run repeats everything after this point with identical results."""
        if self.writes:
            save_state(self.work, self.learner, self.position, self.params.train.keep_last)
            self._report(self.work)

    def publish(self, files: TrainingFiles, made: Account) -> None:
        """Write the outputs of a finished training."""
        if self.writes:
            copy_file(self.work / _BEST, files.out / "model.safetensors")
            copy_file(self.work / _LAST, files.out / "last.safetensors")
            self._report(files.reports)
            write_metrics(files.reports / "metrics.json", self.position.rows[self.position.best], self.left_out)
            write_account(files.reports / "made.json", made)

    def _report(self, folder: Path) -> None:
        write_log(folder / "log.csv", self.columns, self.position.rows)
        write_curves(folder, self.columns, self.position.points, self.position.rows)

    def _note(self, losses: Mapping[str, float], images_per_second: float, waited: float) -> str:
        """The progress line: losses and learning rate of the step, speed, share of time spent waiting for pairs, last validation."""
        labels = {TOTAL: "loss", CLASSIFICATION: "class", **{spec.log_column: spec.label for spec in find_heads(self.params.model.heads)}}
        parts = ", ".join(f"{label} {losses[column]:.3g}" for column, label in labels.items())
        rate = self.learner.optimizer.param_groups[0]["lr"]
        rows = self.position.rows
        validation = f", epoch {rows[-1].epoch}: val AUC {rows[-1].val_auc:.3f}" if rows else ""
        return f"{parts}, rate {rate:.2g}, {images_per_second:.2g} images/s, {waited:.0%} making pairs{validation}"

    def _say(self, text: str) -> None:
        if self.writes:
            print(text, file=sys.stderr)
