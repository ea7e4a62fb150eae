"""Pool of worker processes in which one may crash (segmentation fault of a decoder, lack of memory) without affecting the others."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any

from laanet_core.errors import InterruptedRunError, LaanetError


class WorkerDiedError(Exception):
    """The process that ran a call died before it returned. signal_name: signal that ended it, e.g. SIGSEGV, or empty."""

    def __init__(self, signal_name: str = "") -> None:
        super().__init__(signal_name)
        self.signal_name = signal_name


class WorkerPool(Executor):
    """Executor with `count` new processes, each running one call at a time.

    Unlike ProcessPoolExecutor, it knows which call a process died in: that call raises WorkerDiedError, the others continue, and a new
    process replaces the dead one. As a context manager it kills its processes if Ctrl-C ends the block.
    """

    def __init__(self, count: int, initializer: Callable[[], None]) -> None:
        self._initializer = initializer
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="worker")
        self._own = threading.local()
        self._workers: list[_Worker] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run `fn`, a module-level function, in one of the processes."""
        return self._threads.submit(self._run, fn, args, kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes after the running calls and, unless cancelled, the pending ones."""
        self._threads.shutdown(wait, cancel_futures=cancel_futures)
        if wait:
            for worker in self._workers:
                worker.close()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, KeyboardInterrupt | InterruptedRunError):
            for worker in self._workers:
                worker.kill()
        self.shutdown()

    def _run(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a call in this thread's process, which is replaced if it dies."""
        worker: _Worker | None = getattr(self._own, "worker", None)
        if worker is None:
            worker = self._own.worker = _Worker(self._initializer)
            self._workers.append(worker)
        try:
            return worker.run(fn, args, kwargs)
        except WorkerDiedError:
            self._own.worker = None
            raise


class _Worker:
    """One worker process."""

    def __init__(self, initializer: Callable[[], None]) -> None:
        self._pool = ProcessPoolExecutor(
            1, mp_context=multiprocessing.get_context("spawn"), initializer=_start, initargs=(os.getpid(), initializer)
        )
        # a terminal sends Ctrl-C to child processes too; the new process inherits this thread's signal mask, which blocks it
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            pid = self._pool.submit(os.getpid).result()
        except BrokenProcessPool:
            raise LaanetError(
                "a worker process died at start-up; memory may be short (try LAANET_WORKERS=1) or a library may fail to load (see above)."
            ) from None
        self._process: BaseProcess = next(child for child in multiprocessing.active_children() if child.pid == pid)

    def run(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return the result of a call; raises the exception of the call, or WorkerDiedError."""
        try:
            return self._pool.submit(fn, *args, **kwargs).result()
        except BrokenProcessPool:
            raise WorkerDiedError(_signal_name(_exit_code(self._process))) from None

    def kill(self) -> None:
        """End the process at once, in the middle of its call."""
        self._process.kill()

    def close(self) -> None:
        """End the process after its call."""
        self._pool.shutdown()


def _start(parent: int, initializer: Callable[[], None]) -> None:
    """Initialise a process, and end it if its parent died before the parent-death signal was set."""
    initializer()
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def _exit_code(process: BaseProcess) -> int:
    """Return the exit code of an ended process; if another thread collects it from the kernel, it is available a moment later."""
    process.join()
    while process.exitcode is None:
        time.sleep(0.001)
    return process.exitcode


def _signal_name(exit_code: int) -> str:
    """Return the name of the signal that ended a process, empty if it exited."""
    try:
        return signal.Signals(-exit_code).name
    except ValueError:
        return ""
