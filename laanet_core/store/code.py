"""The version of the code that makes something: a digest of all definitions that it reaches, found from the source itself.

A definition (a function, class or constant at the top of a module) reaches those whose names it uses, in its own module or by imports, in
annotations too; a module used as a value reaches all of its own. What is discovered at run time is found too: a definition in a package's
`__init__.py` that uses `__path__` (as in `pkgutil.iter_modules(__path__)`) reaches every module of that package. What changes nothing that
runs does not count: comments, docstrings, layout, annotations of functions, and definitions that nothing reaches. Of other packages, the
version belongs beside this digest.
"""

from __future__ import annotations

import ast
import gc
import hashlib
import importlib.util
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import groupby
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

PACKAGE = __name__.partition(".")[0]
VALUES = f"{PACKAGE}.params"
"""Package whose definitions are ignored: parameter values are part of each work item's key already."""
_COMPOUND = (ast.If, ast.Try, ast.With, ast.For, ast.While)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_IGNORED_FIELDS = {"ctx", "kind", "type_comment", "type_params", "type_ignores"}


class Definition(NamedTuple):
    """A name defined at the top level of a module."""

    module: str
    name: str


@cache
def code_key(*entries: Callable[..., Any] | ModuleType) -> str:
    """Return the SHA-256 of all project code that functions, classes or modules reach; independent of machine and Python version."""
    with _no_garbage_collection():
        return _digest(sorted(reached(*map(_start, entries))))


def module_digests(module: str) -> dict[str, str]:
    """Map each module to the SHA-256 of its definitions that `module` reaches, without importing any module."""
    with _no_garbage_collection():
        found = sorted(reached((module, [])))
        return {name: _digest(definitions) for name, definitions in groupby(found, key=lambda definition: definition.module)}


def _digest(definitions: Iterable[Definition]) -> str:
    lines = (f"{definition.module} {definition.name} {_syntax_digest(definition)}\n" for definition in definitions)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _start(entry: Callable[..., Any] | ModuleType) -> tuple[str, list[str]]:
    """Return the module of an entry point and its path within that module."""
    return (entry.__name__, []) if isinstance(entry, ModuleType) else (entry.__module__, [entry.__qualname__.partition(".")[0]])


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Disable the garbage collector: syntax trees hold no garbage, but so many objects that collection would take most of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def reached(*starts: tuple[str, list[str]]) -> set[Definition]:
    """Collect the definitions reached from `starts`, these included. starts: (module, dotted path in it, empty for all of it)."""
    ours = frozenset({PACKAGE, *(module.partition(".")[0] for module, _ in starts)})
    found: set[Definition] = set()
    waiting = [target for module, path in starts for target in _targets(module, path, ours)]
    while waiting:
        definition = waiting.pop()
        if definition in found:
            continue
        found.add(definition)
        source = _source(definition.module)
        for reference in _references(definition):
            waiting += _resolve(source, reference, ours)
    return found


def _resolve(source: _Source, reference: list[str], ours: frozenset[str]) -> Iterator[Definition]:
    """Resolve a dotted name used in a module; yields nothing for local and built-in names and names of other packages."""
    first, *rest = reference
    if first in source.definitions:
        yield Definition(source.name, first)
    elif first in source.imports:
        module, attribute = source.imports[first]
        yield from _targets(module, [attribute, *rest] if attribute else rest, ours)
    elif first == "__path__":
        for module in _modules_of(source.name):
            yield from _targets(module, [], ours)


def _targets(module: str, path: list[str], ours: frozenset[str]) -> Iterator[Definition]:
    """Resolve a dotted path below a module; yields all definitions of the module in which the path ends."""
    if module.partition(".")[0] not in ours or module == VALUES or module.startswith(f"{VALUES}."):
        return
    source = _source(module)
    if source.effects:
        yield Definition(module, "")
    if not path:
        yield from (Definition(module, name) for name in source.definitions)
    elif path[0] in source.definitions or path[0] in source.imports:
        yield from _resolve(source, path, ours)
    elif _path(f"{module}.{path[0]}"):
        yield from _targets(f"{module}.{path[0]}", path[1:], ours)


class _Source:
    """Parsed source of a module. definitions: name -> its statements; imports: local name -> (module, name in it or None);
    effects: top-level statements that define no name."""

    def __init__(self, name: str) -> None:
        self.name = name
        path = _path(name)
        if path is None:
            raise ModuleNotFoundError(name)
        tree = ast.parse(path.read_text())
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        self.imports = dict(_imports(tree, package))
        self.definitions: dict[str, list[ast.stmt]] = {}
        self.effects: list[ast.stmt] = []
        for statement in tree.body:
            names = list(_names(statement))
            for defined in names:
                self.definitions.setdefault(defined, []).append(statement)
            if not names and not isinstance(statement, ast.Import | ast.ImportFrom) and not _is_idle(statement):
                self.effects.append(statement)

    def statements(self, name: str) -> list[ast.stmt]:
        """Return the statements of a definition; for the empty name, those with side effects."""
        return self.definitions[name] if name else self.effects


@cache
def _references(definition: Definition) -> list[list[str]]:
    """Return the dotted names that a definition uses."""
    return [name for statement in _source(definition.module).statements(definition.name) for name in _dotted_names(statement)]


@cache
def _syntax_digest(definition: Definition) -> str:
    """Return the SHA-256 of the canonical syntax of a definition."""
    text = "\n".join(map(_canonical, _source(definition.module).statements(definition.name)))
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def _source(name: str) -> _Source:
    return _Source(name)


@cache
def _path(module: str) -> Path | None:
    """Locate the file of a module without importing it; None if there is no such module."""
    package, *parts = module.split(".")
    spec = importlib.util.find_spec(package)
    places = [Path(place, *parts) for place in (spec.submodule_search_locations or [] if spec else [])]
    candidates = [path for place in places for path in (place / "__init__.py", place.with_suffix(".py"))]
    return next(filter(Path.is_file, candidates), None)


def _modules_of(package: str) -> list[str]:
    """The modules directly in a package, found without importing any."""
    path = _path(package)
    return [f"{package}.{found.name}" for found in pkgutil.iter_modules([str(path.parent)] if path else [])]


def _imports(tree: ast.AST, package: str) -> Iterator[tuple[str, tuple[str, str | None]]]:
    """Yield (local name, (module, name in it or None)) for all imports, including those inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.asname or alias.name.partition(".")[0], (alias.name if alias.asname else alias.name.partition(".")[0], None)
        elif isinstance(node, ast.ImportFrom):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package) if node.level else node.module or ""
            yield from ((alias.asname or alias.name, (base, alias.name)) for alias in node.names)


def _names(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a top-level statement defines."""
    if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        yield statement.name
    elif isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        nodes = (node for target in targets for node in ast.walk(target))
        yield from (node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    elif isinstance(statement, _COMPOUND) and not _is_idle(statement):
        for child in ast.iter_child_nodes(statement):
            inner = child.body if isinstance(child, ast.ExceptHandler) else [child] if isinstance(child, ast.stmt) else []
            yield from (name for part in inner for name in _names(part))


def _is_idle(statement: ast.stmt) -> bool:
    """Return whether a statement has no effect on import: a docstring, `pass`, or a block for scripts or type checkers only."""
    if isinstance(statement, ast.If):
        return ast.unparse(statement.test) in {"__name__ == '__main__'", "TYPE_CHECKING"}
    return isinstance(statement, ast.Pass) or (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))


def _dotted_names(node: ast.AST) -> Iterator[list[str]]:
    """Yield names with their attributes, e.g. `["cv2", "resize"]` for `cv2.resize`."""
    attributes: list[str] = []
    inner = node
    while isinstance(inner, ast.Attribute):
        attributes.insert(0, inner.attr)
        inner = inner.value
    if isinstance(inner, ast.Name):
        yield [inner.id, *attributes]
        return
    for child in ast.iter_child_nodes(inner):
        yield from _dotted_names(child)


def _canonical(node: object) -> str:
    """Convert a syntax tree to text without docstrings, annotations of functions, and fields that vary between Python versions."""
    if isinstance(node, list):
        return f"[{','.join(map(_canonical, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = [(name, value) for name, value in ast.iter_fields(node) if name not in _IGNORED_FIELDS and value is not None and value != []]
    if isinstance(node, (*_FUNCTIONS, ast.arg)):
        fields = [(name, value) for name, value in fields if name not in {"returns", "annotation"}]
    if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        fields = [(name, _without_docstring(value) if name == "body" else value) for name, value in fields]
    return f"{type(node).__name__}({','.join(f'{name}={_canonical(value)}' for name, value in fields)})"


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    return [statement for statement in body if not _is_idle(statement)] or [ast.Pass()]
