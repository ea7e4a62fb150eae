"""Per-video work on a Dask cluster: the same functions, the same files, on machines that share a file system."""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from laanet_core.errors import LaanetError
from laanet_core.workers import WorkerDiedError

LIBRARIES = ("av", "dlib-bin", "numpy", "onnxruntime", "opencv-python", "retinaface-pytorch", "scikit-image", "torch")
"""Those whose version may change a byte of frames, crops, landmarks or Mask-SSIM."""
CONNECT_S = 30
ADDRESS = re.compile(r"(tcp|tls|ws|wss|ucx)://\S+:\d+")


class Expected(NamedTuple):
    """What every worker must have. code: `fingerprint()` of the machine that asks; folder: one that all machines see."""

    code: str
    folder: str


@contextmanager
def open_cluster(address: str) -> Iterator[Executor]:
    """The cluster whose scheduler is at `address`, such as `tcp://head:8786`; raises LaanetError when there is none."""
    if not ADDRESS.fullmatch(address):
        raise LaanetError(f"LAANET_SCHEDULER is '{address}'; write an address such as tcp://head:8786, as 'dask scheduler' prints it.")
    try:
        from distributed import Client
    except ImportError:
        raise LaanetError("LAANET_SCHEDULER is set but dask's 'distributed' is not installed; install it, or unset the variable.") from None
    try:
        client = Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise LaanetError(f"LAANET_SCHEDULER is '{address}', where no Dask scheduler answers ({error}); start it or unset it.") from None
    with client:
        yield ClusterExecutor(client.get_executor(pure=False), Expected(fingerprint(), str(Path.cwd())))


class ClusterExecutor(Executor):
    """A Dask executor whose calls run only where code and folders are the same; one whose workers die raises WorkerDiedError."""

    def __init__(self, executor: Executor, expected: Expected) -> None:
        self._executor = executor
        self._expected = expected

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run `fn`, a function of a module, on one of the workers."""
        outer: Future[Any] = Future()
        inner = self._executor.submit(_on_worker, self._expected, fn, *args, **kwargs)
        inner.add_done_callback(lambda done: _hand_over(done, outer))
        outer.add_done_callback(lambda done: inner.cancel() if done.cancelled() else None)
        return outer

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Give up what waits; the cluster stays."""
        self._executor.shutdown(wait and not cancel_futures)


@lru_cache(maxsize=1)
def fingerprint() -> str:
    """SHA-256 over this package's sources and the versions of the libraries that its results depend on."""
    digest = hashlib.sha256()
    package = Path(__file__).parent
    for path in sorted(package.rglob("*.py")):
        digest.update(f"{path.relative_to(package)}\0".encode() + path.read_bytes())
    for name in LIBRARIES:
        digest.update(f"{name} {importlib.metadata.version(name)}\0".encode())
    return digest.hexdigest()


def _on_worker(expected: Expected, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Run a call on a worker, once that has turned out to have the same code, libraries and folders."""
    import cv2

    if fingerprint() != expected.code:
        raise LaanetError(f"the Dask worker on {socket.gethostname()} runs other code or libraries; restart it from this checkout.")
    if not Path(expected.folder).is_dir():
        raise LaanetError(f"the Dask worker on {socket.gethostname()} has no folder {expected.folder}; share it there under that name.")
    cv2.setNumThreads(1)
    return fn(*args, **kwargs)


def _hand_over(inner: Future[Any], outer: Future[Any]) -> None:
    """Give a finished call's outcome to the future that was handed out."""
    from distributed import KilledWorker

    if outer.cancelled():
        return
    if inner.cancelled():
        outer.set_exception(LaanetError("the Dask scheduler was lost; start it and run again: what is finished is kept."))
        return
    error = inner.exception()
    if error is None:
        outer.set_result(inner.result())
    else:
        outer.set_exception(WorkerDiedError() if isinstance(error, KilledWorker) else error)
