"""What a file says, without its comments and layout: that it reads at all, and that an edit changes anything."""

from __future__ import annotations

import ast
import hashlib
import json
import tomllib
from collections.abc import Callable, Iterable
from typing import Any, Final

import yaml
from yaml.constructor import ConstructorError, SafeConstructor
from yaml.nodes import MappingNode, Node, ScalarNode

from shared.gitops.located import duplicates, line_of
from shared.gitops.paths import suffix_of

MOST_NESTED: Final = 60


class Unreadable(ValueError):
    """The file is not what its name says it is. The text says where and what."""


def meaning(path: str, data: bytes) -> str:
    """A digest of what `data` says under the name `path`: equal where only comments, layout or order of keys differ.
    Prose has none (""). Raises Unreadable."""
    text = text_of(data)
    reader = _READERS.get(suffix_of(path))
    if reader is not None:
        return reader(text)
    if is_prose(path):
        return ""
    lines = (line.strip() for line in text.splitlines())
    return _digest(line for line in lines if line and not line.startswith(("#", "//", "--", "<!--")))


def is_prose(path: str) -> bool:
    """Whether nothing runs or reads what stands in such a file."""
    return suffix_of(path) in (".md", ".txt", ".rst", ".adoc")


def top_level(path: str, data: bytes) -> frozenset[str] | None:
    """The keys of the outermost mapping of a YAML, JSON or TOML file; None for other files and other values. Raises
    Unreadable."""
    match suffix_of(path):
        case ".json":
            value = _json(text_of(data))
            return frozenset(value) if isinstance(value, dict) else None
        case ".toml":
            return frozenset(_toml(text_of(data)))
        case ".yaml" | ".yml":
            roots = _documents(text_of(data))
            found: set[str] = set()
            for root in roots:
                if not isinstance(root, MappingNode):
                    return None
                found |= {str(key.value) for key, _ in root.value}
            return frozenset(found)
        case _:
            return None


def text_of(data: bytes) -> str:
    """`data` as text. Raises Unreadable for anything else."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Unreadable("it is not UTF-8 text") from None
    if "\0" in text:
        raise Unreadable("it has NUL characters: it is not text")
    return text


def _python(text: str) -> str:
    try:
        tree = ast.parse(text)
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                _without_docstring(node)
        return _digest([ast.dump(tree)])
    except SyntaxError as error:
        raise Unreadable(f"line {error.lineno}: it is not Python: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise Unreadable(f"it cannot be read as Python: {type(error).__name__}") from None


def _without_docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    match node.body:
        case [ast.Expr(value=ast.Constant(value=str())), *rest]:
            node.body = rest if rest or isinstance(node, ast.Module) else [ast.Pass()]


def _json(text: str) -> Any:
    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) != len(items):
            names = [name for name, _ in items]
            raise Unreadable(f"the key {next(n for n in names if names.count(n) > 1)[:60]!r} is written twice")
        return found

    def constant(name: str) -> Any:
        raise Unreadable(f"{name} is not JSON")

    try:
        return json.loads(text, object_pairs_hook=pairs, parse_constant=constant)
    except json.JSONDecodeError as error:
        raise Unreadable(f"line {error.lineno}: it is not JSON: {error.msg}") from None
    except Unreadable:
        raise
    except (RecursionError, ValueError):
        raise Unreadable("it is nested too deep or has too long a number") from None


def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Unreadable(f"it is not TOML: {error}") from None
    except (RecursionError, ValueError):
        raise Unreadable("it is nested too deep or has too long a number") from None


def _documents(text: str) -> list[Node]:
    try:
        depth = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MOST_NESTED:
                raise Unreadable(f"line {line_of(event)}: nested more than {MOST_NESTED} deep")
        roots: list[Node] = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}: " if mark else ""
        raise Unreadable(f"{where}it is not YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise Unreadable(f"it is not YAML: {str(error).splitlines()[0]}") from None
    for root in roots:
        for line, key in duplicates(root):
            raise Unreadable(f"line {line}: the key {key[:60]!r} is written twice")
    return roots


def _yaml(text: str) -> str:
    known: dict[int, str] = {}
    return _digest(_node(root, known) for root in _documents(text))


def _node(node: Node, known: dict[int, str]) -> str:
    """A digest of a node; each is made once, so aliases of aliases take no longer than their text."""
    if known.get(id(node)) == "":
        raise Unreadable(f"line {line_of(node)}: an alias that holds itself")
    if id(node) not in known:
        known[id(node)] = ""
        if isinstance(node, ScalarNode):
            parts = ["scalar", node.tag, _scalar(node)]
        elif isinstance(node, MappingNode):
            pairs = sorted((_node(key, known), _node(value, known)) for key, value in node.value)
            parts = ["mapping", node.tag, *(part for pair in pairs for part in pair)]
        else:
            parts = ["sequence", node.tag, *(_node(item, known) for item in node.value)]
        known[id(node)] = _digest(parts)
    return known[id(node)]


def _scalar(node: ScalarNode) -> str:
    try:
        return repr(SafeConstructor().construct_object(node))
    except (ConstructorError, ValueError):
        return repr(node.value)


def _digest(parts: Iterable[str]) -> str:
    total = hashlib.sha256()
    for part in parts:
        total.update(f"{len(part)}:".encode())
        total.update(part.encode("utf-8", "surrogatepass"))
    return total.hexdigest()


_READERS: Final[dict[str, Callable[[str], str]]] = {
    ".py": _python,
    ".json": lambda text: _digest([json.dumps(_json(text), sort_keys=True)]),
    ".toml": lambda text: _digest([repr(sorted(_toml(text).items()))]),
    ".yaml": _yaml,
    ".yml": _yaml,
}
"""By suffix. What has none here is compared by its lines."""
