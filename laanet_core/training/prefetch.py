"""Batches made ahead of the training step on a GPU, in a thread and on a stream of their own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

import torch

from laanet_core.training.batch import Batch

DEPTH = 2
_POLL_S = 0.1


def prefetch(batches: Iterator[Batch], device: torch.device) -> Iterator[Batch]:
    """The same batches in the same order, up to DEPTH of them ready before they are asked for.

    An error in making one is raised where it is asked for. The thread ends when all are made, and soon after nobody asks any more.
    """
    ready: queue.Queue[Batch | BaseException | None] = queue.Queue(DEPTH)
    left = threading.Event()
    thread = threading.Thread(target=_make, args=(batches, device, ready, left), daemon=True)
    thread.start()
    try:
        while (made := ready.get()) is not None:
            if isinstance(made, BaseException):
                raise made
            yield _hand_over(made, device)
    finally:
        left.set()
        thread.join()


def _make(batches: Iterator[Batch], device: torch.device, ready: queue.Queue[Batch | BaseException | None], left: threading.Event) -> None:
    """Put every batch, then None, or the error that ended it, into the queue."""
    try:
        with _own_stream(device):
            for batch in batches:
                if device.type == "cuda":
                    torch.cuda.current_stream(device).synchronize()
                if not _put(batch, ready, left):
                    return
        _put(None, ready, left)
    except BaseException as error:
        _put(error, ready, left)


def _put(made: Batch | BaseException | None, ready: queue.Queue[Batch | BaseException | None], left: threading.Event) -> bool:
    """Wait for room in the queue; False when nobody is left to take from it."""
    while not left.is_set():
        try:
            ready.put(made, timeout=_POLL_S)
        except queue.Full:
            continue
        return True
    return False


def _own_stream(device: torch.device) -> AbstractContextManager[object]:
    """A GPU's work of this thread on a stream of its own, so that it runs beside the network's."""
    if device.type != "cuda":
        return nullcontext()
    return torch.cuda.stream(torch.cuda.Stream(device))  # type: ignore[no-untyped-call]


def _hand_over(batch: Batch, device: torch.device) -> Batch:
    """A finished batch for the asking thread's stream: its memory is not used again before that stream is done with it."""
    if device.type == "cuda":
        for tensor in (batch.images, *batch.targets):
            tensor.record_stream(torch.cuda.current_stream(device))
    return batch
