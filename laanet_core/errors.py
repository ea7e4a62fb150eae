"""What this project raises on purpose, and the sentence that a person gets when the machine refuses a file."""

from __future__ import annotations

import errno
import os

FULL = {errno.ENOSPC, errno.EDQUOT}
REFUSED = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.ESTALE, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.ELOOP,
    errno.EMFILE, errno.ENFILE, errno.ETXTBSY, errno.EFBIG, errno.EEXIST,
}  # fmt: skip
"""Errors of a place on a file system, as opposed to those of a program."""
INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""
GOES_ON = "what is finished is kept, and the same command goes on from there"


class LaanetError(Exception):
    """Something the user can fix: one sentence with the file or key, the value found, and the remedy."""


class InterruptedRunError(Exception):
    """Ctrl-C: one sentence that says how far the run got and how it goes on."""


def describe_os_error(error: OSError, place: str) -> str | None:
    """One sentence for a place that is full, read-only, forbidden or broken; None for any other error.

    place: where the program was writing, for errors that name no file.
    """
    where = os.fsdecode(error.filename2 or error.filename) if isinstance(error.filename, str | bytes | os.PathLike) else place
    if error.errno in FULL:
        return f"no space is left for {where}; free some (see 'laanet clean'), then run again: what is finished is kept."
    if error.errno in REFUSED:
        return f"{where}: cannot be used ({error.strerror}); make it writable or name another place, then run again."
    return None
