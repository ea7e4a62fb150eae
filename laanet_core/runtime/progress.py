"""Progress that reads well in a terminal (a bar) and in a log (a line every few seconds)."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

LOG_INTERVAL_S = 5.0
LABEL_WIDTH = 28
"""Columns of a terminal that a label takes at most: of 80, counts up to a million and times need some 35."""


class Progress:
    """Context manager that shows `done / total` of a piece of work; `advance(note)` after each item. shown: False for a silent one."""

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
        """Count finished items; `note` is shown beside the bar."""
        self.done += steps
        if self._bar:
            self._bar.update(self._task, completed=self.done, note=note)
        elif time.monotonic() - self._last > LOG_INTERVAL_S:
            self._print(note)

    def _print(self, note: str) -> None:
        self._last = time.monotonic()
        if self.shown:
            text = f"{self.label}: {self.done}/{self.total} in {self._last - self._start:.0f} s{self._left()} {note}"
            print(text.rstrip(), file=sys.stderr, flush=True)

    def _left(self) -> str:
        """The time that the rest will take at this run's pace."""
        made, left = self.done - self._first, self.total - self.done
        if not made or not left:
            return ""
        seconds = left * (self._last - self._start) / made
        return f", {seconds:.0f} s left" if seconds < 100 else f", {seconds / 60:.0f} min left"


def _bar() -> RichProgress:
    """The bar of a terminal, imported for it alone: the index stage, which runs each time, starts a tenth of a second sooner.

    Counts and times are always whole: bar and note share what is left of the line, and a long label is cut short.
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
