"""Limits for files of unknown origin: picture size, number of frames, memory."""

from __future__ import annotations

import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from laanet_core.media.decoding.base import UndecodableError

MAX_SIDE = 16384
MAX_PIXELS = 10**8
MAX_FRAMES = 10**7
SPARE_PAYLOAD = 64 << 20
"""Bytes that the packets of a file may hold in excess of four times its size."""
MAX_MEMORY = 2 << 30
"""Bytes that opening and decoding one file may add to the process. A 10-bit 8K video was measured at 1.2 GiB."""

_lock = threading.Lock()
_budgets: list[int] = []
_original_limits = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
_original_bytes = 0


def check_size(width: int, height: int) -> None:
    """Raise UndecodableError for an implausible picture size, before memory is allocated for it."""
    if width < 1 or height < 1:
        raise UndecodableError("it has no picture size")
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise UndecodableError(f"it claims {width}x{height} pixels; the maximum is {MAX_SIDE} per side and {MAX_PIXELS} in total")


def check_frame_count(count: int) -> None:
    """Raise UndecodableError for an implausible number of frames."""
    if count > MAX_FRAMES:
        raise UndecodableError(f"it claims more than {MAX_FRAMES} frames")


def check_payload(size: int, file_size: int) -> None:
    """Raise UndecodableError if the packets together hold far more bytes than their file.

    A damaged index can list the same packets many times. The limit is generous because a container may compress its packets.
    """
    if size > 4 * file_size + SPARE_PAYLOAD:
        raise UndecodableError("its packets claim more bytes than the file has")


@contextmanager
def memory_budget(budget: int) -> Iterator[None]:
    """Let this process allocate at most `budget` more bytes; beyond that, allocations in C and in Python fail.

    A file whose header claims a huge size then causes an error in its decoder instead of exhausting the machine's memory. The limit is
    the soft RLIMIT_DATA of the process. Budgets of several threads add up; the last thread to leave restores the original limit.
    """
    with _lock:
        _budgets.append(budget)
        _apply_budgets(first=len(_budgets) == 1)
    try:
        yield
    finally:
        with _lock:
            _budgets.remove(budget)
            _apply_budgets(first=False)


def _apply_budgets(first: bool) -> None:
    """Set the soft limit to the memory in use when the first thread entered, plus the budgets of all threads inside."""
    global _original_limits, _original_bytes
    if first:
        _original_limits, _original_bytes = resource.getrlimit(resource.RLIMIT_DATA), _data_bytes()
    soft, hard = _original_limits
    if _budgets:
        limit = _original_bytes + sum(_budgets)
        soft = limit if soft == resource.RLIM_INFINITY else min(limit, soft)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _data_bytes() -> int:
    """Bytes of private writable memory of this process, which RLIMIT_DATA limits (Linux 4.7 and later)."""
    return int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
