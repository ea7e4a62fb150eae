"""One thin script a stage: read the parameters, call one function of laanet_core, write."""

import os
import signal
import sys


def _end_early(number: int, frame: object) -> None:
    """Ctrl-C while a stage still imports its libraries, which takes seconds."""
    os.write(2, b"interrupted before the work began; the same command starts it\n")
    os._exit(130)


if sys.argv[0] == "-m" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # this process is a stage's
    signal.signal(signal.SIGINT, _end_early)
