"""Prefetching: on a GPU, batches are made ahead of the training step, in a separate thread and CUDA stream."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

import torch

from laanet_core.training.batch import Batch

DEPTH = 2
_POLL_S = 0.1
_Queue = queue.Queue[Batch | BaseException | None]


def prefetch(batches: Iterator[Batch], device: torch.device) -> Iterator[Batch]:
    """Yield the same batches in the same order, with up to DEPTH of them made in advance.

    An error while making a batch is raised when that batch is requested. The thread ends after the last batch, or soon after the
    iterator is closed.
    """
    ready: _Queue = queue.Queue(DEPTH)
    closed = threading.Event()
    thread = threading.Thread(target=_make, args=(batches, device, ready, closed), daemon=True)
    thread.start()
    try:
        while (made := ready.get()) is not None:
            if isinstance(made, BaseException):
                raise made
            yield _hand_over(made, device)
    finally:
        closed.set()
        thread.join()


def _make(batches: Iterator[Batch], device: torch.device, ready: _Queue, closed: threading.Event) -> None:
    """Put every batch into the queue, then None, or the error that stopped the iteration."""
    try:
        with _own_stream(device):
            for batch in batches:
                if device.type == "cuda":
                    torch.cuda.current_stream(device).synchronize()
                if not _put(batch, ready, closed):
                    return
        _put(None, ready, closed)
    except BaseException as error:
        _put(error, ready, closed)


def _put(made: Batch | BaseException | None, ready: _Queue, closed: threading.Event) -> bool:
    """Put an object into the queue once it has room; returns False if the consumer is gone (`closed`)."""
    while not closed.is_set():
        try:
            ready.put(made, timeout=_POLL_S)
        except queue.Full:
            continue
        return True
    return False


def _own_stream(device: torch.device) -> AbstractContextManager[object]:
    """On a GPU, a separate CUDA stream for this thread, so that its work runs in parallel with the network's."""
    if device.type != "cuda":
        return nullcontext()
    return torch.cuda.stream(torch.cuda.Stream(device))  # type: ignore[no-untyped-call]


def _hand_over(batch: Batch, device: torch.device) -> Batch:
    """Register a finished batch with the current stream, so that its memory is not reused before that stream has finished with it."""
    if device.type == "cuda":
        for tensor in (batch.images, *batch.targets.named().values()):
            tensor.record_stream(torch.cuda.current_stream(device))
    return batch
