"""Names in the documentation exist: link targets, anchors, commands and their options, parameters, files and modules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel
from typer.main import get_command

import laanet_core
from laanet_core.cli import app
from laanet_core.params import DatasetParams, Params
from tests.helpers.paths import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
SITE_PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md", "SECURITY.md": "security.md"}
pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return FENCE.sub("", page.read_text())


def codes(page: Path) -> list[str]:
    """A page's lines of code, in blocks and in sentences, without comments."""
    blocks = "\n".join(FENCE.findall(page.read_text())).splitlines()
    return [line.partition(" #")[0].strip() for line in [*blocks, *INLINE.findall(prose(page))]]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pages
def test_links_and_anchors_resolve(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", INLINE.sub("", prose(page))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_relative_to(ROOT), link
        assert target.is_file(), link
        assert not anchor or anchor in anchors(target), link


@pages
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([\w./-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    presets = {f"preset-{path.stem}" for path in ROOT.glob("presets/*.yaml")}
    for name in (match[1] for line in codes(page) for match in re.finditer(r"(?:^|&& )make ([\w./-]+)(?!\S*=)", line)):
        assert name in targets | presets, name


@pages
def test_laanet_commands_and_their_options_exist(page: Path) -> None:
    commands: dict[str, Any] = get_command(app).commands  # type: ignore[attr-defined]
    for name, rest in (match.groups() for line in codes(page) for match in re.finditer(r"(?:^|&& )laanet ([a-z][\w-]*)(.*)", line)):
        assert name in commands or name in planned(page), name
        if name in commands and name != "run":  # which passes options on to DVC
            options = {option for parameter in commands[name].params for option in parameter.opts}
            assert set(re.findall(r"(?<=\s)--[\w-]+", rest)) <= options, rest


def planned(page: Path) -> set[str]:
    """The commands that the changelog announces."""
    if page.name != "CHANGELOG.md":
        return set()
    return set(re.findall(r"`laanet (\w+)`", page.read_text().partition("### Planned")[2].partition("\n### ")[0]))


@pages
def test_parameters_exist(page: Path) -> None:
    sections = "|".join(Params.model_fields)
    settings = [match for line in codes(page) for match in re.findall(r"-S '?\+?([\w.]+)=", line)]
    named = [match[0] for line in codes(page) if (match := re.match(rf"(?:{sections})(?:\.[\w<>]+)+(?=$|:|=)", line))]
    for key in [*settings, *named]:
        assert has_parameter(key.split(".")), key


def has_parameter(parts: list[str]) -> bool:
    """Whether params.yaml has a place for a key; any data set may be named, and `adapter` is the earlier name of `layout`."""
    if parts[0] == "datasets" and len(parts) > 1:
        return not parts[2:] or parts[2] in {*DatasetParams.model_fields, "adapter"}
    model: type[BaseModel] = Params
    for part in parts:
        if part not in model.model_fields:
            return False
        annotation = model.model_fields[part].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return part == parts[-1] or parts[0] == "assets"
        model = annotation
    return True


@pages
def test_files_and_modules_exist(page: Path) -> None:
    for code in codes(page):
        for path in re.findall(r"(?<![\w./])(?:laanet_core|stages|tests|benchmarks|presets|examples|docs)/[\w./-]*\w(?![\w<*])", code):
            assert (ROOT / path).exists(), path
        for name in re.findall(r"(?<![\w./])laanet_core(?:\.\w+)+", code):
            assert resolves(name), name


def test_files_and_functions_of_the_drawing_exist() -> None:
    drawing = (ROOT / "docs/one_video.svg").read_text()
    found = re.findall(r">([\w/]+\.py)</text>\n<text[^>]*>(\w+)</text>", drawing)
    assert len(found) == drawing.count(".py<")
    for path, function in found:
        assert re.search(rf"^def {function}\(", (ROOT / "laanet_core" / path).read_text(), re.MULTILINE), (path, function)


def resolves(name: str) -> bool:
    """Whether a dotted name is a module of ours, or a name in one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:length])
        source = next((path for path in (place / "__init__.py", place.with_suffix(".py")) if path.is_file()), None)
        if source:
            return length == len(parts) or bool(re.search(rf"\b{parts[length]}\b", source.read_text()))
    return False


def test_every_page_is_in_the_navigation() -> None:
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    listed = list(leaves(config["nav"]))
    written = [SITE_PAGES[name] for name in SITE_PAGES] + [str(path.relative_to(ROOT / "docs")) for path in ROOT.glob("docs/**/*.md")]
    assert sorted(listed) == sorted(written)


def leaves(node: Any) -> Iterator[str]:
    """The pages of a navigation."""
    if isinstance(node, str):
        yield node
    else:
        for part in node.values() if isinstance(node, dict) else node:
            yield from leaves(part)


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().split()) <= 500


def test_the_version_is_one() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert laanet_core.__version__ == version("laanet") == citation["version"]
    assert f"## [{laanet_core.__version__}]" in (ROOT / "CHANGELOG.md").read_text()
