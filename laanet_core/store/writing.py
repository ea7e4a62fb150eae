"""Atomic writing of files, used for every file that this project writes.

DVC's cache, the work folder and an output may be hard links to one file, and writing in place would change all of them. Instead, a new
file is written next to the target and renamed over it.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TEMPORARY = ".tmp"
"""Suffix of a file that is being written."""


@contextmanager
def replacing(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """Yield a temporary path next to `path`, which is renamed to `path` at the end of the block, or removed if the block raises.

    durable: flush the content to disk before renaming, so that the file is complete even after a power failure.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.{threading.get_native_id()}{TEMPORARY}")
    try:
        yield temporary
        if durable:
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if error.filename in {None, str(temporary)}:  # some errors name no file, and the temporary name would confuse the user
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes to a file atomically."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write text in UTF-8 to a file atomically."""
    write_bytes(path, text.encode())


def write_json(path: Path, content: Any, indent: int | None = None) -> None:
    """Write JSON with a trailing newline to a file atomically."""
    write_text(path, json.dumps(content, indent=indent) + "\n")


def copy_file(source: Path, path: Path) -> None:
    """Copy the content of a file atomically."""
    with replacing(path) as temporary:
        shutil.copyfile(source, temporary)
