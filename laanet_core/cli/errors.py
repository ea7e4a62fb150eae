"""What the user can fix, as every command says it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from laanet_core.errors import INTERRUPTED, LaanetError, describe_os_error


@contextmanager
def one_sentence() -> Iterator[None]:
    """Print what the user can fix, or that the user ended the command, as one line without a traceback; ends with status 1 or 130."""
    try:
        yield
    except LaanetError as error:
        _end(f"error: {error}", 1)
    except OSError as error:
        sentence = describe_os_error(error, str(Path.cwd()))
        if sentence is None:
            raise
        _end(f"error: {sentence}", 1)
    except KeyboardInterrupt:
        _end("interrupted", INTERRUPTED)


def _end(sentence: str, status: int) -> None:
    typer.echo(sentence, err=True)
    raise typer.Exit(status) from None
