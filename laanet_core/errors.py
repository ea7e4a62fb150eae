"""Exceptions that this project raises on purpose, and user-facing sentences for errors of the operating system."""

from __future__ import annotations

import errno
import os

FULL = {errno.ENOSPC, errno.EDQUOT}
REFUSED = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.ESTALE, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.ELOOP,
    errno.EMFILE, errno.ENFILE, errno.ETXTBSY, errno.EFBIG, errno.EEXIST,
}  # fmt: skip
"""Error numbers caused by a location in the file system, not by a bug in the program."""
INTERRUPTED = 130
"""Exit status after Ctrl-C, as in shells."""
GOES_ON = "finished work is kept; run the same command again to resume"


class LaanetError(Exception):
    """An error that the user can fix: one sentence with the file or key, the value found, and the remedy."""


class InterruptedRunError(Exception):
    """Ctrl-C was pressed: one sentence that says how far the run got and how to resume it."""


def describe_os_error(error: OSError, place: str) -> str | None:
    """Return one sentence if the location is full, read-only, forbidden or broken; None for any other error.

    place: where the program was writing, used for errors that name no file.
    """
    where = os.fsdecode(error.filename2 or error.filename) if isinstance(error.filename, str | bytes | os.PathLike) else place
    if error.errno in FULL:
        return f"no space is left for {where}; free some space (see 'laanet clean'), then run again; finished work is kept."
    if error.errno in REFUSED:
        return f"{where}: cannot be used ({error.strerror}); make it writable or choose another location, then run again."
    return None
