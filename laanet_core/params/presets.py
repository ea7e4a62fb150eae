"""Installing a preset as params.yaml while keeping the user's own data sets verbatim."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from laanet_core.errors import LaanetError
from laanet_core.params.datasets import DatasetParams
from laanet_core.params.file import load_params
from laanet_core.store.parameter_changes import ParameterChange, parameter_changes
from laanet_core.store.writing import write_text

PRESETS = Path("presets")


class Applied(NamedTuple):
    """Changes made by applying a preset. parameters: changed parameters outside `datasets`; kept: the user's own data sets; shadowed: those
    of them that replace a data set of the preset with the same name; added, removed: data sets of presets."""

    parameters: list[ParameterChange]
    kept: list[str]
    shadowed: list[str]
    added: list[str]
    removed: list[str]


def apply_preset(name: str, path: Path, presets: Path = PRESETS) -> Applied:
    """Write a preset, including its comments, to the params file at `path`, which need not exist yet.

    A data set in the existing file that equals no data set of a preset is the user's own: it is kept with its comments, and replaces a data
    set of the preset with the same name. Raises LaanetError, leaving the params file unchanged, for an unknown preset, an invalid params
    file or preset, and if the file cannot be written.
    """
    shipped = {file.stem: load_params(file).datasets for file in sorted(presets.glob("*.yaml"))}
    if name not in shipped:
        available = ", ".join(shipped) or f"none; run in the project's folder, which has {presets}/"
        raise LaanetError(f"{name}: is not a preset (available: {available}).")
    requested = load_params(presets / f"{name}.yaml")
    present = load_params(path) if path.exists() else None
    before: Mapping[str, DatasetParams] = present.datasets if present else {}
    own = [key for key, entry in before.items() if not any(datasets.get(key) == entry for datasets in shipped.values())]
    text = (presets / f"{name}.yaml").read_text()
    if own:
        if _datasets(text).flow_style:
            raise LaanetError(
                f"{presets / name}.yaml: its data sets are written in braces, so yours cannot be inserted; write each on its own line."
            )
        text = _with_data_sets(text, path.read_text(), own)
    if not path.parent.is_dir():
        raise LaanetError(f"{path}: cannot be written because the folder {path.parent} does not exist; choose another path.")
    write_text(path.resolve(), text)
    old, new = (({} if params is None else params.model_dump(exclude={"datasets"})) for params in (present, requested))
    return Applied(
        parameters=parameter_changes(old, new) if present else [],
        kept=own,
        shadowed=[key for key in own if key in requested.datasets],
        added=[key for key in requested.datasets if key not in before],
        removed=[key for key in before if key not in requested.datasets and key not in own],
    )


def _with_data_sets(preset: str, present: str, names: list[str]) -> str:
    """Insert data sets of another params file into the text of a preset: in place of one with the same name, else after the last one."""
    places = _entries(preset)
    indent, end = " " * next(iter(places.values())).column, max(place.end for place in places.values())
    texts = {name: textwrap.indent(text, indent) for name, text in _texts(present, names).items()}
    lines = preset.splitlines()
    lines[end:end] = [text for name, text in texts.items() if name not in places]
    for name in sorted(texts.keys() & places.keys(), key=lambda name: places[name].start, reverse=True):
        lines[places[name].start : places[name].end] = [texts[name]]
    return "\n".join(lines) + "\n"


def _texts(content: str, names: list[str]) -> dict[str, str]:
    """Return the text of data sets in a params file with the comments above them; re-dumped as YAML if the text is not valid by itself."""
    lines, places, values = content.splitlines(), _entries(content), yaml.safe_load(content)["datasets"]
    texts = {}
    for name in names:
        place, entry = places.get(name), {name: values[name]}
        text = "" if place is None else textwrap.dedent("\n".join(lines[_with_comments(lines, place) : place.end]))
        texts[name] = text if _parses_to(text, entry) else yaml.safe_dump(entry, width=math.inf, allow_unicode=True).rstrip()
    return texts


def _with_comments(lines: list[str], place: _Place) -> int:
    """Return the first line of the comments directly above an entry that have the same indentation as its key."""
    start = place.start
    while start > 0 and lines[start - 1].startswith(" " * place.column + "#"):
        start -= 1
    return start


def _parses_to(text: str, entry: dict[str, Any]) -> bool:
    """Return whether a text parses to an entry by itself; not so for entries in braces or with YAML aliases."""
    try:
        return bool(yaml.safe_load(text) == entry)
    except yaml.YAMLError:
        return False


class _Place(NamedTuple):
    """Location of an entry: lines `start` (inclusive) to `end` (exclusive), and the column of its key."""

    start: int
    end: int
    column: int


def _entries(text: str) -> dict[str, _Place]:
    """Locate the entries under `datasets` in a params file."""
    entries = _datasets(text).value
    return {key.value: _Place(key.start_mark.line, _last_line(value) + 1, key.start_mark.column) for key, value in entries}


def _datasets(text: str) -> yaml.MappingNode:
    """Return the YAML node under `datasets` in a params file."""
    document: Any = yaml.compose(text)
    datasets: yaml.MappingNode = next(value for key, value in document.value if key.value == "datasets")
    return datasets


def _last_line(node: Any) -> int:
    """Return the last line of a value; the end of a block is that of its last value, not the start of the next one."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style:
        return max((_last_line(part) for part in _parts(node)), default=node.start_mark.line)
    return int(node.end_mark.line)


def _parts(node: yaml.CollectionNode) -> list[Any]:
    return [part for item in node.value for part in (item if isinstance(item, tuple) else (item,))]
