"""One lever set, added or taken out in the text of the desired state; every other character stays what it was."""

from __future__ import annotations

from itertools import takewhile
from typing import Final

from yaml.nodes import MappingNode, Node, ScalarNode

from shared.gitops.located import child, mapping

PLAIN: Final = ("image", "mem_limit", "memswap_limit", "replicas")
"""Written without quotes, where no quotes stand yet."""


class CannotEdit(ValueError):
    """The place is written in a way that cannot be edited line by line. A person edits it."""


def with_lever(text: str, service: str, key: str, value: str | None) -> str:
    """`text` (a valid desired state that has `service`) with the lever `key` (dotted) at `value`; None takes it out.

    Raises CannotEdit. A `memswap_limit` follows its `mem_limit`.
    """
    text = _with(text, ["services", service, *key.split(".")], value)
    if key == "mem_limit" and child(_at(text, ["services", service]), "memswap_limit"):
        text = _with(text, ["services", service, "memswap_limit"], value)
    return text


def _at(text: str, path: list[str]) -> MappingNode:
    node: Node = mapping(text)
    for key in path:
        found = child(node, key)
        if found is None:
            raise CannotEdit(f"there is no {key!r}")
        node = found[1]
    if not isinstance(node, MappingNode):
        raise CannotEdit(f"{path[-1]!r} is no mapping")
    return node


def _with(text: str, path: list[str], value: str | None) -> str:
    parents = [mapping(text)]
    for key in path[:-1]:
        found = child(parents[-1], key)
        if found is None:
            break
        if not isinstance(found[1], MappingNode):
            raise CannotEdit(f"{key!r} is no mapping")
        parents.append(found[1])
    rest = path[len(parents) - 1 :]
    there = child(parents[-1], rest[0]) if len(rest) == 1 else None
    if value is None:
        return text if there is None else _without(text, parents, path)
    if there is None:
        return _added(text, parents, rest, value)
    start, end = there[1].start_mark.index, _end(there[1])
    return text[:start] + _scalar(rest[0], value, text[start]) + text[end:]


def _scalar(key: str, value: str, was: str = "") -> str:
    """`value` in the quotes that stood there; `$` doubled, as compose reads it."""
    value = value.replace("$", "$$")
    if was == "'":
        return "'" + value.replace("'", "''") + "'"
    if key in PLAIN and was != '"':
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _end(node: Node) -> int:
    """The index behind the last character of a value; a block mapping's own end mark lies behind the comments."""
    while isinstance(node, MappingNode) and not node.flow_style and node.value:
        node = node.value[-1][1]
    index: int = node.end_mark.index
    return index


def _line_end(text: str, index: int) -> int:
    """The index behind the "\\n" of the line that holds `index`; the text's end where there is none."""
    found = text.find("\n", index)
    return len(text) if found < 0 else found + 1


def _line_start(text: str, index: int) -> int:
    return text.rfind("\n", 0, index) + 1


def _added(text: str, parents: list[MappingNode], rest: list[str], value: str) -> str:
    parent = parents[-1]
    if parent.flow_style:
        entry = f"{rest[-1]}: {_scalar(rest[-1], value)}"
        for key in reversed(rest[:-1]):
            entry = f"{key}: {{{entry}}}"
        start, close = parent.start_mark.index, parent.end_mark.index
        if not parent.value:
            return text[:start] + "{" + entry + "}" + text[close:]
        last = _end(parent.value[-1][1])
        return f"{text[:last]}, {entry}{text[last:]}"
    indent = parent.value[0][0].start_mark.column
    step = max(indent - parents[-2].value[0][0].start_mark.column, 1) if len(parents) > 1 else 2
    lines = [f"{' ' * (indent + step * depth)}{key}:" for depth, key in enumerate(rest)]
    lines[-1] += f" {_scalar(rest[-1], value)}"
    at = _line_end(text, _end(parent.value[-1][1]))
    gap = "" if text[:at].endswith("\n") else "\n"
    return text[:at] + gap + "\n".join(lines) + ("" if gap else "\n") + text[at:]


def _without(text: str, parents: list[MappingNode], path: list[str]) -> str:
    parent, key = parents[-1], path[-1]
    if len(parent.value) == 1 and len(parents) > 3:  # `environment:` or `deploy:` goes with the last thing in it
        if parent.flow_style:
            return _without(text, parents[:-1], path[:-1])
        text = _cut_entry(text, parent, key)
        name, _ = child(parents[-2], path[-2]) or (None, None)
        if parents[-2].flow_style or name is None:
            raise CannotEdit(f"{path[-2]!r} is written in a way that is not taken out here")
        return _cut(text, name, name.end_mark.index)
    if not parent.flow_style:
        return _cut_entry(text, parent, key)
    entries = parent.value
    index = [name.value for name, _ in entries].index(key)
    if len(entries) == 1:
        start, end = parent.start_mark.index + 1, parent.end_mark.index - 1
    elif index + 1 < len(entries):
        start, end = entries[index][0].start_mark.index, entries[index + 1][0].start_mark.index
    else:
        start, end = _end(entries[index - 1][1]), _end(entries[index][1])
    if "\n" in text[start:end] and "#" in text[start:end]:
        raise CannotEdit(f"a comment would go with {key!r}")
    return text[:start] + text[end:]


def _cut_entry(text: str, parent: MappingNode, key: str) -> str:
    name, value = next((k, v) for k, v in parent.value if isinstance(k, ScalarNode) and k.value == key)
    return _cut(text, name, _end(value))


def _cut(text: str, name: ScalarNode, end: int) -> str:
    """Without the whole lines from the key `name` to the one that holds `end`."""
    start = _line_start(text, name.start_mark.index)
    if "".join(takewhile(lambda c: c == " ", text[start:])) != text[start : name.start_mark.index]:
        raise CannotEdit(f"{name.value!r} does not stand on a line of its own")
    return text[:start] + text[_line_end(text, end) :]
