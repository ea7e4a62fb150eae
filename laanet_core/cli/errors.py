"""What the user can mend, as every command says it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from laanet_core.errors import LaanetError


@contextmanager
def one_sentence() -> Iterator[None]:
    """Print what the user can mend as one line, without a traceback, and end with status 1."""
    try:
        yield
    except LaanetError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
