"""One thin script per stage: read the parameters, call one function of laanet_core, write its outputs."""

import os
import signal
import sys


def _end_early(number: int, frame: object) -> None:
    """Handle Ctrl-C while a stage still imports its libraries, which takes seconds."""
    os.write(2, b"interrupted before any work was done; run the same command again to start\n")
    os._exit(130)


if sys.argv[0] == "-m" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # this process runs a stage
    signal.signal(signal.SIGINT, _end_early)
