"""Shared by all decoders: selection of frames, and the error for a file that cannot be decoded."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import av
import numpy as np

from laanet_core.errors import LaanetError

MACHINE_ERRNOS = {errno.ESTALE, errno.ENFILE, errno.EMFILE, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.ENODEV}
"""Errors of a mount or a process, not of the file, which must not be stored as its result. FFmpeg reports EIO for damaged files."""
OUT_OF_MEMORY = "it needs more memory than one file may take"


class UndecodableError(Exception):
    """The file cannot be decoded. The message is the reason, without the path of the file."""


def select_frames(total: int, count: int) -> list[int]:
    """`count` distinct frame numbers, evenly spaced from 0 to `total` - 1; all `total` of them if `count` is larger."""
    if total <= count:
        return list(range(total))
    return [round(position) for position in np.linspace(0, total - 1, count).tolist()]


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise UndecodableError for errors of memory, FFmpeg and the file system, and LaanetError for those in MACHINE_ERRNOS."""
    try:
        yield
    except MemoryError:
        raise UndecodableError(OUT_OF_MEMORY) from None
    except (av.error.FFmpegError, OSError) as error:
        if error.errno in MACHINE_ERRNOS:
            raise LaanetError(
                f"a file cannot be read at the moment ({error}); fix that, then run again: finished videos are kept."
            ) from None
        raise UndecodableError(_reason(error)) from None


def _reason(error: av.error.FFmpegError | OSError) -> str:
    """Describe an error of FFmpeg or of the file system."""
    if error.errno == errno.ENOMEM:
        return OUT_OF_MEMORY
    source = "FFmpeg says" if isinstance(error, av.error.FFmpegError) else "it cannot be read"
    return f"{source}: {error.strerror}"
