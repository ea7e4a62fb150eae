"""Progress display: a bar in a terminal, a line every few seconds in a log."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

LOG_INTERVAL_S = 5.0
LABEL_WIDTH = 28
"""Maximum width of a label in columns; of 80 columns, counts up to a million and times need about 35."""


class Progress:
    """Context manager that shows `done / total`; call `advance(note)` after each item. shown: False to print nothing."""

    def __init__(self, label: str, total: int, done: int = 0, *, shown: bool = True) -> None:
        self.label, self.total, self.done, self.shown = label, total, done, shown
        self._first = done
        self._bar: RichProgress | None = None
        self._last = self._start = time.monotonic()

    def __enter__(self) -> Progress:
        if self.shown and sys.stderr.isatty():
            self._bar = _bar()
            self._bar.start()
            self._task = self._bar.add_task(self.label, total=self.total, completed=self.done, note="")
        elif self.done < self.total:
            self._print("")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar:
            self._bar.stop()
        elif kind is None:
            self._print("done")

    def advance(self, note: str = "", steps: int = 1) -> None:
        """Count `steps` finished items; `note` is shown next to the bar."""
        self.done += steps
        if self._bar:
            self._bar.update(self._task, completed=self.done, note=note)
        elif time.monotonic() - self._last > LOG_INTERVAL_S:
            self._print(note)

    def _print(self, note: str) -> None:
        self._last = time.monotonic()
        if self.shown:
            text = f"{self.label}: {self.done}/{self.total} in {self._last - self._start:.0f} s{self._remaining()} {note}"
            print(text.rstrip(), file=sys.stderr, flush=True)

    def _remaining(self) -> str:
        """Estimate the remaining time from the speed of this run."""
        finished, remaining = self.done - self._first, self.total - self.done
        if not finished or not remaining:
            return ""
        seconds = remaining * (self._last - self._start) / finished
        return f", {seconds:.0f} s left" if seconds < 100 else f", {seconds / 60:.0f} min left"


def _bar() -> RichProgress:
    """Create the bar for a terminal. rich is imported only here, so that the index stage, which always runs, starts 0.1 s sooner.

    Counts and times are never truncated: bar and note share the rest of the line, and a long label is shortened.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress
    from rich.table import Column

    label = Column(no_wrap=True, overflow="ellipsis", max_width=LABEL_WIDTH)
    note = Column(no_wrap=True, overflow="ellipsis", ratio=3)
    return RichProgress(
        TextColumn("{task.description}", markup=False, table_column=label), BarColumn(None, table_column=Column(ratio=1)),
        MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False, table_column=note), console=Console(stderr=True), expand=True,
    )  # fmt: skip
