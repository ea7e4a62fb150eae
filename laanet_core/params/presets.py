"""A preset put in place as params.yaml, with the user's own data sets kept as they are written."""

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
    """What a preset changed. parameters: those that differ, but for `datasets`; kept: the user's own data sets; shadowed: those of them
    that the preset has too, with other contents; added, removed: data sets of presets."""

    parameters: list[ParameterChange]
    kept: list[str]
    shadowed: list[str]
    added: list[str]
    removed: list[str]


def apply_preset(name: str, path: Path, presets: Path = PRESETS) -> Applied:
    """Write a preset, comments and all, as the params file at `path`, which may not be there yet.

    An entry of its `datasets` that no preset has like this is the user's own: it is kept with its comments, also in place of one of the
    preset that has its name. Raises LaanetError for an unknown preset, for a params file or preset that does not load, and where the
    file cannot be written; the params file is then as it was.
    """
    shipped = {file.stem: load_params(file).datasets for file in sorted(presets.glob("*.yaml"))}
    if name not in shipped:
        known = ", ".join(shipped) or f"none; run in the project's folder, which has {presets}/"
        raise LaanetError(f"{name}: is no preset (there are: {known}).")
    wanted = load_params(presets / f"{name}.yaml")
    present = load_params(path) if path.exists() else None
    before: Mapping[str, DatasetParams] = present.datasets if present else {}
    own = [key for key, entry in before.items() if not any(datasets.get(key) == entry for datasets in shipped.values())]
    text = (presets / f"{name}.yaml").read_text()
    if own:
        if _datasets(text).flow_style:
            raise LaanetError(
                f"{presets / name}.yaml: its data sets stand in braces, where yours cannot be put; write each on a line of its own."
            )
        text = _with_data_sets(text, path.read_text(), own)
    if not path.parent.is_dir():
        raise LaanetError(f"{path}: cannot be written, since there is no folder {path.parent}; name another place.")
    write_text(path.resolve(), text)
    old, new = (({} if params is None else params.model_dump(exclude={"datasets"})) for params in (present, wanted))
    return Applied(
        parameters=parameter_changes(old, new) if present else [],
        kept=own,
        shadowed=[key for key in own if key in wanted.datasets],
        added=[key for key in wanted.datasets if key not in before],
        removed=[key for key in before if key not in wanted.datasets and key not in own],
    )


def _with_data_sets(preset: str, present: str, names: list[str]) -> str:
    """The text of a preset with entries of another file's `datasets`, each in place of the preset's own of its name or after its last."""
    places = _entries(preset)
    indent, end = " " * next(iter(places.values())).column, max(place.end for place in places.values())
    texts = {name: textwrap.indent(text, indent) for name, text in _texts(present, names).items()}
    lines = preset.splitlines()
    lines[end:end] = [text for name, text in texts.items() if name not in places]
    for name in sorted(texts.keys() & places.keys(), key=lambda name: places[name].start, reverse=True):
        lines[places[name].start : places[name].end] = [texts[name]]
    return "\n".join(lines) + "\n"


def _texts(content: str, names: list[str]) -> dict[str, str]:
    """Entries of a file's `datasets` as they are written, with the comments above them; dumped where that text does not stand alone."""
    lines, places, values = content.splitlines(), _entries(content), yaml.safe_load(content)["datasets"]
    texts = {}
    for name in names:
        place, entry = places.get(name), {name: values[name]}
        text = "" if place is None else textwrap.dedent("\n".join(lines[_with_comments(lines, place) : place.end]))
        texts[name] = text if _says(text, entry) else yaml.safe_dump(entry, width=math.inf, allow_unicode=True).rstrip()
    return texts


def _with_comments(lines: list[str], place: _Place) -> int:
    """The line that the comments directly above an entry begin at, indented as its key is."""
    start = place.start
    while start > 0 and lines[start - 1].startswith(" " * place.column + "#"):
        start -= 1
    return start


def _says(text: str, entry: dict[str, Any]) -> bool:
    """Whether a text alone is an entry: one among others in braces, or with an alias, is not."""
    try:
        return bool(yaml.safe_load(text) == entry)
    except yaml.YAMLError:
        return False


class _Place(NamedTuple):
    """Where an entry is: its lines from `start` to before `end`, and the column that its key begins at."""

    start: int
    end: int
    column: int


def _entries(text: str) -> dict[str, _Place]:
    """Where the entries of a file's `datasets` are."""
    entries = _datasets(text).value
    return {key.value: _Place(key.start_mark.line, _last_line(value) + 1, key.start_mark.column) for key, value in entries}


def _datasets(text: str) -> yaml.MappingNode:
    """What stands under `datasets` in a params file."""
    document: Any = yaml.compose(text)
    datasets: yaml.MappingNode = next(value for key, value in document.value if key.value == "datasets")
    return datasets


def _last_line(node: Any) -> int:
    """The line that a value ends at; a block ends where its last value does, and not where the next begins."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style:
        return max((_last_line(part) for part in _parts(node)), default=node.start_mark.line)
    return int(node.end_mark.line)


def _parts(node: yaml.CollectionNode) -> list[Any]:
    return [part for item in node.value for part in (item if isinstance(item, tuple) else (item,))]
