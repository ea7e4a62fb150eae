"""Per-video work on a Dask cluster: the same functions, the same files, on machines that share a file system."""

from __future__ import annotations

import concurrent.futures
import hashlib
import importlib.metadata
import re
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from laanet_core.errors import LaanetError
from laanet_core.runtime.workers import WorkerDiedError

if TYPE_CHECKING:
    from distributed import Client
    from distributed import Future as Remote

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
        yield ClusterExecutor(client, Expected(fingerprint(), str(Path.cwd())))


class ClusterExecutor(Executor):
    """Calls on a Dask cluster, only where code and folders are the same; one whose workers die raises WorkerDiedError.

    Dask's own executor is not used: it loses the result of a call whose worker dies just as the result is fetched.
    """

    def __init__(self, client: Client, expected: Expected) -> None:
        self._client = client
        self._expected = expected
        self._waiting: dict[Future[Any], Remote] = {}

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run `fn`, a function of a module, on one of the workers."""
        future: Future[Any] = Future()
        remote = self._client.submit(_on_worker, self._expected, fn, *args, pure=False, **kwargs)
        self._waiting[future] = remote
        future.add_done_callback(self._forget)
        remote.add_done_callback(lambda done: _hand_over(done, future))
        return future

    def _forget(self, future: Future[Any]) -> None:
        """Let go of a call that has ended or that nobody waits for any more."""
        remote = self._waiting.pop(future)
        if future.cancelled():
            remote.cancel()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Give up what waits, or wait for it; the cluster stays."""
        waiting = list(self._waiting)
        if cancel_futures:
            for future in waiting:
                future.cancel()
        if wait:
            concurrent.futures.wait(waiting)


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


def _hand_over(remote: Remote, future: Future[Any]) -> None:
    """Give a finished call's outcome to the future that was handed out."""
    from distributed import KilledWorker
    from distributed.core import CommClosedError

    if not future.set_running_or_notify_cancel():
        return
    try:
        result = remote.result()
    except KilledWorker:
        future.set_exception(WorkerDiedError())
    except (concurrent.futures.CancelledError, CommClosedError):
        future.set_exception(LaanetError("the Dask scheduler was lost; start it and run again: what is finished is kept."))
    except Exception as error:
        future.set_exception(error)
    else:
        future.set_result(result)
