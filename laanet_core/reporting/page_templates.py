"""Jinja templates of the self-contained HTML pages."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from laanet_core.text import counted

ROWS_SHOWN = 200
"""Maximum number of rows of a table of videos or files; the page states how many more there are."""

_TEMPLATES = Path(__file__).parent / "templates"


def page_template(name: str) -> Template:
    """The template of a page; all values are escaped, and an undefined variable is an error."""
    loader = FileSystemLoader(_TEMPLATES)
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["counted"] = counted
    environment.filters["number"] = _number
    environment.filters["percent"] = lambda value, digits=1, none="undefined": _number(value and 100 * value, digits, none)
    return environment.get_template(name)


def _number(value: float | None, digits: int = 3, none: str = "undefined") -> str:
    return none if value is None else f"{value:.{digits}f}"
