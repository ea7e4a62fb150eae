"""Error messages of the commands: one sentence for what the user can fix."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from laanet_core.errors import INTERRUPTED, LaanetError, describe_os_error


@contextmanager
def one_sentence() -> Iterator[None]:
    """Print an error that the user can fix as one line without a traceback and exit with status 1; after Ctrl-C exit with 130."""
    try:
        yield
    except LaanetError as error:
        _exit(f"error: {error}", 1)
    except OSError as error:
        sentence = describe_os_error(error, str(Path.cwd()))
        if sentence is None:
            raise
        _exit(f"error: {sentence}", 1)
    except KeyboardInterrupt:
        _exit("interrupted", INTERRUPTED)


def _exit(sentence: str, status: int) -> None:
    typer.echo(sentence, err=True)
    raise typer.Exit(status) from None
