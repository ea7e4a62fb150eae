"""Bounds on what a file of unknown origin may claim and take: picture size, number of frames, memory."""

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
"""Bytes that packets may have beyond four times those of their file."""
MAX_MEMORY = 2 << 30
"""Bytes that opening and decoding one file may add to a process: 8K video of ten bits was seen to take 1.2 GiB."""

_lock = threading.Lock()
_budgets: list[int] = []
_limits_before = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
_used_before = 0


def check_size(width: int, height: int) -> None:
    """Refuse sizes that no camera makes, before memory is taken for them; raises UndecodableError."""
    if width < 1 or height < 1:
        raise UndecodableError("it has no picture size")
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise UndecodableError(f"it claims {width}x{height} pixels; at most {MAX_SIDE} a side and {MAX_PIXELS} in all are accepted")


def check_frame_count(count: int) -> None:
    """Refuse a number of frames that no camera makes; raises UndecodableError."""
    if count > MAX_FRAMES:
        raise UndecodableError(f"it claims more than {MAX_FRAMES} frames")


def check_payload(size: int, file_size: int) -> None:
    """Refuse packets that together hold far more bytes than their file, which an index can claim by naming the same ones again and again.

    A container may compress its packets, hence the room. Raises UndecodableError.
    """
    if size > 4 * file_size + SPARE_PAYLOAD:
        raise UndecodableError("its packets claim more bytes than the file has")


@contextmanager
def memory_budget(budget: int) -> Iterator[None]:
    """Let this process take at most `budget` bytes more than it has; beyond that, allocations in C and in Python fail.

    A header that claims the world then ends as an error of its reader and not as a machine without memory. The limit is the process's
    own (soft RLIMIT_DATA); where several threads are inside, their budgets add up, and the last one to leave restores what was.
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
    """Set the soft limit for the budgets of all threads inside, counted from what the process had when the first came in."""
    global _limits_before, _used_before
    if first:
        _limits_before, _used_before = resource.getrlimit(resource.RLIMIT_DATA), _data_bytes()
    soft, hard = _limits_before
    if _budgets:
        wanted = _used_before + sum(_budgets)
        soft = wanted if soft == resource.RLIM_INFINITY else min(wanted, soft)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _data_bytes() -> int:
    """Bytes of private writable memory of this process, which is what RLIMIT_DATA counts (Linux 4.7 and later)."""
    return int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
