"""Ctrl-C that waits until work stands at a place from which it can go on."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupts:
    """asked: whether Ctrl-C was pressed."""

    asked = False


@contextmanager
def deferred_interrupts() -> Iterator[Interrupts]:
    """Within the block the first Ctrl-C is only noted; the next one raises KeyboardInterrupt at once, as always.

    Only the main thread can do this, and only where Ctrl-C has its usual effect; elsewhere nothing changes.
    """
    found = Interrupts()
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield found
        return

    def note(_number: int, _frame: FrameType | None) -> None:
        found.asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGINT, note)
    try:
        yield found
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
