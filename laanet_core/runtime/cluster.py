"""Per-video work on a Dask cluster whose machines share a file system; the results are the same as on one machine."""

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
"""Libraries whose version may change frames, crops, landmarks or Mask-SSIM."""
CONNECT_S = 30
ADDRESS = re.compile(r"(tcp|tls|ws|wss|ucx)://\S+:\d+")


class Expected(NamedTuple):
    """What every worker must match. code: `fingerprint()` of the submitting machine; folder: working folder, shared by all machines."""

    code: str
    folder: str


@contextmanager
def open_cluster(address: str) -> Iterator[Executor]:
    """Connect to the cluster whose scheduler is at `address`, e.g. `tcp://head:8786`; raises LaanetError if this fails."""
    if not ADDRESS.fullmatch(address):
        raise LaanetError(f"LAANET_SCHEDULER is '{address}'; set it to an address such as tcp://head:8786, as printed by 'dask scheduler'.")
    try:
        from distributed import Client
    except ImportError:
        raise LaanetError("LAANET_SCHEDULER is set but dask's 'distributed' is not installed; install it, or unset the variable.") from None
    try:
        client = Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise LaanetError(
            f"LAANET_SCHEDULER is '{address}', but no Dask scheduler answers there ({error}); start one or unset the variable."
        ) from None
    with client:
        yield ClusterExecutor(client, Expected(fingerprint(), str(Path.cwd())))


class ClusterExecutor(Executor):
    """Executor that runs calls on a Dask cluster whose workers have the same code and folders; WorkerDiedError if a call's workers die.

    Dask's own executor is not used: it loses the result of a call whose worker dies while the result is fetched.
    """

    def __init__(self, client: Client, expected: Expected) -> None:
        self._client = client
        self._expected = expected
        self._pending: dict[Future[Any], Remote] = {}

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run `fn`, a module-level function, on one of the workers."""
        future: Future[Any] = Future()
        remote = self._client.submit(_on_worker, self._expected, fn, *args, pure=False, **kwargs)
        self._pending[future] = remote
        future.add_done_callback(self._forget)
        remote.add_done_callback(lambda finished: _set_outcome(finished, future))
        return future

    def _forget(self, future: Future[Any]) -> None:
        """Release a call that has ended or was cancelled."""
        remote = self._pending.pop(future)
        if future.cancelled():
            remote.cancel()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Cancel pending calls or wait for them; the cluster keeps running."""
        pending = list(self._pending)
        if cancel_futures:
            for future in pending:
                future.cancel()
        if wait:
            concurrent.futures.wait(pending)


@lru_cache(maxsize=1)
def fingerprint() -> str:
    """Return the SHA-256 of the sources of `laanet_core` and the versions of the libraries that its results depend on."""
    digest = hashlib.sha256()
    package = Path(__file__).parents[1]
    for path in sorted(package.rglob("*.py")):
        digest.update(f"{path.relative_to(package)}\0".encode() + path.read_bytes())
    for name in LIBRARIES:
        digest.update(f"{name} {importlib.metadata.version(name)}\0".encode())
    return digest.hexdigest()


def _on_worker(expected: Expected, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Run a call on a worker, after checking that it has the same code, libraries and folder."""
    import cv2

    if fingerprint() != expected.code:
        raise LaanetError(f"the Dask worker on {socket.gethostname()} runs different code or libraries; restart it from this checkout.")
    if not Path(expected.folder).is_dir():
        raise LaanetError(f"the Dask worker on {socket.gethostname()} has no folder {expected.folder}; mount it there under the same path.")
    cv2.setNumThreads(1)
    return fn(*args, **kwargs)


def _set_outcome(remote: Remote, future: Future[Any]) -> None:
    """Copy the result or exception of a finished call to the future that `submit` returned."""
    from distributed import KilledWorker
    from distributed.core import CommClosedError

    if not future.set_running_or_notify_cancel():
        return
    try:
        result = remote.result()
    except KilledWorker:
        future.set_exception(WorkerDiedError())
    except (concurrent.futures.CancelledError, CommClosedError):
        future.set_exception(LaanetError("the connection to the Dask scheduler was lost; start it and run again; finished work is kept."))
    except Exception as error:
        future.set_exception(error)
    else:
        future.set_result(result)
