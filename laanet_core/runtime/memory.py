"""Memory allocation settings for processes that repeatedly allocate the same gigabytes."""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
_NEVER, _STEP_BYTES = -1, 1 << 28


def keep_freed_memory() -> None:
    """Let this process keep freed memory for reuse (glibc only); does not affect results.

    Each training step and each evaluation pass allocates the same gigabytes again. By default every tensor over 32 MiB is mapped again and
    the kernel clears its pages each time, which takes a fifth of a training step of EfficientNet-B4 on two cores.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, _NEVER)
        mallopt(_M_TOP_PAD, _STEP_BYTES)
