"""Deferred Ctrl-C, so that work stops only where it can be resumed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupts:
    """State of Ctrl-C. asked: whether it was pressed."""

    asked = False


@contextmanager
def deferred_interrupts() -> Iterator[Interrupts]:
    """Defer Ctrl-C within the block: the first one only sets `asked`, the second one raises KeyboardInterrupt as usual.

    This works only in the main thread and if Ctrl-C has its default handler; otherwise nothing changes.
    """
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield interrupts
        return

    def note(_number: int, _frame: FrameType | None) -> None:
        interrupts.asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGINT, note)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
