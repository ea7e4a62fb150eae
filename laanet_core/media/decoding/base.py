"""What all decoding of footage shares: which frames are taken, and how a file that cannot be decoded says so."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import av
import numpy as np

from laanet_core.errors import LaanetError

OF_THE_MACHINE = {errno.ESTALE, errno.ENFILE, errno.EMFILE, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.ENODEV}
"""A mount or a process in trouble, whose outcome must not be kept as the file's. EIO is not one: FFmpeg says it of damaged files."""
OUT_OF_MEMORY = "it needs more memory than is allowed for one file"


class UndecodableError(Exception):
    """A file that holds no pictures that can be decoded; the reason in words, without its path."""


def select_frames(total: int, count: int) -> list[int]:
    """`count` frame numbers of `total`, evenly spaced from the first to the last without repetition; all where there are fewer."""
    if total <= count:
        return list(range(total))
    return [round(place) for place in np.linspace(0, total - 1, count).tolist()]


@contextmanager
def stating_reasons() -> Iterator[None]:
    """Turn errors of memory, of FFmpeg and of the file system into UndecodableError, but those of a machine in trouble into LaanetError."""
    try:
        yield
    except MemoryError:
        raise UndecodableError(OUT_OF_MEMORY) from None
    except (av.error.FFmpegError, OSError) as error:
        if error.errno in OF_THE_MACHINE:
            raise LaanetError(
                f"a file cannot be read at the moment ({error}); mend that, then run again: what is finished is kept."
            ) from None
        raise UndecodableError(_reason(error)) from None


def _reason(error: av.error.FFmpegError | OSError) -> str:
    """An error of FFmpeg or of the file system in words."""
    if error.errno == errno.ENOMEM:
        return OUT_OF_MEMORY
    source = "FFmpeg says" if isinstance(error, av.error.FFmpegError) else "it cannot be read"
    return f"{source}: {error.strerror}"
