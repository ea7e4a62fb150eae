"""The one way in which files are written: complete or not at all, and never through a name that another file may share.

DVC's cache, the work folder and an output are hard links to one file. A write to an existing name would change all of them; here a new
file is written beside it and renamed over it.
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
    """Give a temporary path beside `path`; what is written there is renamed to `path` when the block ends, or removed when it raises.

    durable: the content is on the disk before it is renamed, so that the file is complete even after a power cut.
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
        if error.filename in {None, str(temporary)}:  # a write names no file, and the temporary name means nothing to a person
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write a file in UTF-8."""
    write_bytes(path, text.encode())


def write_json(path: Path, content: Any, indent: int | None = None) -> None:
    """Write JSON with a newline at its end."""
    write_text(path, json.dumps(content, indent=indent) + "\n")


def copy_file(source: Path, path: Path) -> None:
    """Write a copy of a file's content."""
    with replacing(path) as temporary:
        shutil.copyfile(source, temporary)
