"""What all decoding of footage shares: which frames are taken, and how a file that cannot be decoded says so."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import av
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

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
    """Turn errors of memory, of FFmpeg and of the file system into UndecodableError."""
    try:
        yield
    except MemoryError:
        raise UndecodableError(OUT_OF_MEMORY) from None
    except av.error.FFmpegError as error:
        raise UndecodableError(f"FFmpeg says: {error.strerror}") from None
    except OSError as error:
        reason = OUT_OF_MEMORY if error.errno == errno.ENOMEM else f"it cannot be read: {error.strerror}"
        raise UndecodableError(reason) from None
