"""Executors for per-video work, and process settings that let no process outlive its parent."""

from __future__ import annotations

import ctypes
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path

from laanet_core.errors import LaanetError
from laanet_core.runtime.workers import WorkerPool

_PR_SET_PDEATHSIG = 1


def worker_count() -> int:
    """Return LAANET_WORKERS, or the number of CPUs this process may use."""
    text = os.environ.get("LAANET_WORKERS", "")
    return whole_number("LAANET_WORKERS", text) if text else len(os.sched_getaffinity(0))


def whole_number(variable: str, text: str, example: str = "") -> int:
    """Parse the value of an environment variable; raises LaanetError unless it is a whole number of at least 1."""
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise LaanetError(f"{variable} is {text!r}; give a whole number of at least 1{example}.")
    return int(text)


@contextmanager
def open_executor() -> Iterator[Executor]:
    """Open the executor for per-video work: `worker_count()` new processes, or the Dask cluster at LAANET_SCHEDULER.

    The choice does not affect results. A call whose process dies raises WorkerDiedError.
    """
    address = os.environ.get("LAANET_SCHEDULER", "")
    if address:
        from laanet_core.runtime.cluster import open_cluster

        with open_cluster(address) as executor:
            yield executor
        return
    with WorkerPool(worker_count(), start_worker) as pool:
        yield pool


def start_worker() -> None:
    """Initialise a worker process: it ends with its parent, ignores Ctrl-C (the parent handles it), and uses one OpenCV thread."""
    _die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import cv2

    cv2.setNumThreads(1)


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch operations on one CPU thread within the block: fixed summation order, so bit-identical results on any number of cores."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def end_with_pipeline() -> None:
    """End this process when the one that started it (dvc, make, a shell) dies, so that no orphan keeps writing."""
    _die_with_parent()
    for pid in _ancestors_up_to("dvc"):
        threading.Thread(target=_end_after, args=(pid,), daemon=True).start()


def _die_with_parent() -> None:
    """Ask the kernel to send SIGKILL when the parent dies (Linux)."""
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def _ancestors_up_to(name: str) -> list[int]:
    """List process ids from the grandparent to the nearest ancestor whose command line contains `name`; empty if there is none."""
    found, pid = [], os.getppid()
    while pid > 1:
        found.append(pid)
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            status = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return []
        if any(Path(os.fsdecode(part)).name == name for part in command[:3]):
            return found
        pid = int(status.rpartition(")")[2].split()[1])
    return []


def _end_after(pid: int) -> None:
    """Wait for a process to end, then kill this one and thereby its workers."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        os.kill(os.getpid(), signal.SIGKILL)
        return
    multiprocessing.connection.wait([descriptor])
    os.kill(os.getpid(), signal.SIGKILL)
