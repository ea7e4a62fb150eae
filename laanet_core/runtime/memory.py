"""Memory of a process that needs the same gigabytes again and again."""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
_NEVER, _STEP_BYTES = -1, 1 << 28


def keep_freed_memory() -> None:
    """Let this process keep the memory that it frees, where the C library is glibc; changes no result.

    Each step of a training needs the same gigabytes again, as each pass of an evaluation does. By default every tensor over 32 MiB is
    mapped anew, and the kernel clears its pages each time: a fifth of a training step of EfficientNet-B4 on two cores.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, _NEVER)
        mallopt(_M_TOP_PAD, _STEP_BYTES)
