"""Terminal output of a comparison of detectors."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from laanet_core.reporting.comparison.compare import Comparison, Group
from laanet_core.reporting.comparison.words import FORMULAS, LOWER, SHORT, auc_difference, compared, difference, lacking, own, spread_words
from laanet_core.text import counted

WIDTH = 100
"""Width of the output in columns if it does not go to a terminal."""
CELL = len("+0.000 [+0.000, +0.000] ≠")
MARK = " ≠"
DIFFERS = "≠: differs, the 95 % interval of the paired difference excludes 0."

Cell = Callable[[Group, int, str], str]


def print_comparison(comparison: Comparison) -> None:
    """Print what is compared, all measures, the differences from the first detector, and the AUC by Mask-SSIM and by method."""
    console = Console(width=shutil.get_terminal_size((WIDTH, 24)).columns, markup=False, highlight=False, emoji=False)
    _print_sources(console, comparison)
    everyone, others = range(len(comparison.names)), range(1, len(comparison.names))
    for detectors in _blocks(console, everyone):
        console.print(_measures(comparison, detectors, _own, f"Measures (lower is better for {LOWER})"))
    for detectors in _blocks(console, others):
        console.print(_measures(comparison, detectors, _difference, f"Difference from {comparison.names[0]} (paired)"))
    for groups, title in ((comparison.bins, "AUC by Mask-SSIM"), (comparison.methods, "AUC by method")):
        for detectors in _blocks(console, everyone) if groups else []:
            console.print(_areas(comparison, groups, detectors, title))
    for sentence in [f"{FORMULAS}.", DIFFERS, *(auc_difference(comparison, number) for number in others)]:
        console.print(sentence, soft_wrap=True)


def _print_sources(console: Console, comparison: Comparison) -> None:
    """Print the detectors, what is compared, what is not and why."""
    matched = comparison.matched
    for name, file in matched.files.items():
        console.print(f"{name}: {file.source}, {counted(len(file.videos), 'video')}", soft_wrap=True)
    console.print(f"Compared: {compared(comparison)}.", soft_wrap=True)
    for name in comparison.names:
        if missing := lacking(matched, name):
            console.print(f"Not compared, no score of {name}: {missing}.", soft_wrap=True)
    for note in comparison.notes:
        console.print(f"Note: {note}.", soft_wrap=True)


def _blocks(console: Console, detectors: range) -> list[range]:
    """Detectors in blocks that fit into one table each."""
    room = max(1, (console.width - 20) // (CELL + 1))
    return [detectors[start : start + room] for start in range(0, len(detectors), room)]


def _measures(comparison: Comparison, detectors: range, cell: Cell, title: str) -> Table:
    table = _table(title, [""], [comparison.names[number] for number in detectors])
    for key, label in SHORT.items():
        table.add_row(label, *(cell(comparison.overall, number, key) for number in detectors))
    return table


def _areas(comparison: Comparison, groups: Sequence[Group], detectors: range, title: str) -> Table:
    """AUC of each group, its fakes against all real videos; for bins also the range over the bins."""
    table = _table(title, ["", "fakes"], [comparison.names[number] for number in detectors])
    for group in groups:
        table.add_row(group.name, str(group.n_fake), *(_own(group, number, "auc") for number in detectors), end_section=group is groups[-1])
    if groups is comparison.bins:
        table.add_row("over bins", "", *(spread_words(comparison.spread(number)) for number in detectors))
    return table


def _table(title: str, heads: Sequence[str], names: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(heads[0], no_wrap=True)
    for head in heads[1:]:
        table.add_column(head, justify="right")
    for name in names:
        table.add_column(name, min_width=CELL, overflow="fold")
    return table


def _own(group: Group, number: int, key: str) -> str:
    estimate = group.estimates[number][key]
    return own(estimate) + (MARK if estimate.differs else "")


def _difference(group: Group, number: int, key: str) -> str:
    estimate = group.estimates[number][key]
    return difference(estimate) + (MARK if estimate.differs else "")
