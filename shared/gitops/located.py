"""YAML with the place of every value, in the narrow form in which all readers of YAML agree.

PyYAML reads YAML 1.1 and docker compose 1.2; where they would differ, or where a line cannot be edited on its own, the
text is refused: no anchors, aliases, tags, directives, block scalars, tabs or values over several lines.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Final

import yaml
from yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, DocumentStartEvent, Event, ScalarEvent
from yaml.nodes import MappingNode, Node, ScalarNode
from yaml.tokens import Token

MOST_BYTES: Final = 65_536
MOST_DEEP: Final = 8
STR: Final = "tag:yaml.org,2002:str"


class BadYaml(ValueError):
    """The text is not YAML that everybody reads alike. `line` counts from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line, self.reason = line, reason


def decoded(data: str | bytes) -> str:
    """`data` as text of printable characters and "\\n". Raises BadYaml."""
    if len(data) > MOST_BYTES:
        raise BadYaml(1, f"the file has {len(data)} bytes; {MOST_BYTES} is the most that is read")
    if isinstance(data, bytes):
        try:
            data = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise BadYaml(error.object[: error.start].count(b"\n") + 1, "not UTF-8 text; save it as UTF-8") from None
    for index, character in enumerate(data):
        if character != "\n" and unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
            raise BadYaml(data.count("\n", 0, index) + 1, f"the character U+{ord(character):04X}; {_advice(character)}")
    return data


def _advice(character: str) -> str:
    match character:
        case "\r":
            return "save the file with Unix line ends"
        case "\t":
            return "write spaces"
        case _:
            return "it cannot be seen; take it out"


class _Narrow(yaml.SafeLoader):
    """PyYAML's reader, which stops at the first thing that is not read here."""

    depth = 0

    def get_event(self) -> Event:
        event: Event = super().get_event()  # type: ignore[no-untyped-call]
        _plain(event)
        self.depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if self.depth > MOST_DEEP:
            raise BadYaml(line_of(event), f"nested more than {MOST_DEEP} deep")
        return event

    def fetch_key(self) -> None:
        raise BadYaml(line_at(self.get_mark()), "a key written with `? `; write `key: value`")


def mapping(text: str) -> MappingNode:
    """The one document of `text` (from `decoded`), a mapping; every key in it is written once. Raises BadYaml."""
    try:
        root = yaml.compose(text, Loader=_Narrow)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise BadYaml(line_at(mark), f"this is not YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise BadYaml(1, f"this is not YAML: {str(error).splitlines()[0]}") from None
    if root is None:
        raise BadYaml(1, "the file is empty")
    if not isinstance(root, MappingNode):
        raise BadYaml(line_of(root), "the file must be a mapping (`services:` and what belongs to it)")
    for line, key in duplicates(root):
        raise BadYaml(line, f"the key {key[:60]!r} is written twice here; keep one")
    return root


def _plain(event: Event) -> None:
    line = line_of(event)
    tag = event.tag if isinstance(event, ScalarEvent | CollectionStartEvent) else None
    if isinstance(event, AliasEvent) or getattr(event, "anchor", None) is not None:
        raise BadYaml(line, "anchors and aliases (& and *) are not read here; write the value out")
    if tag is not None:
        raise BadYaml(line, f"the tag {tag[:60]!r}; write a plain or quoted value")
    if isinstance(event, DocumentStartEvent) and (event.version or event.tags):
        raise BadYaml(line, "a %-directive; take it out")
    if isinstance(event, ScalarEvent) and event.style in ("|", ">"):
        raise BadYaml(line, "a value over several lines (| or >); write it on one line, in quotes")
    if isinstance(event, ScalarEvent) and line_of(event) != line_at(event.end_mark):
        raise BadYaml(line, "a value over several lines; write it on one line")


def duplicates(root: Node) -> Iterator[tuple[int, str]]:
    """(line, key) of every key that stands in its mapping for the second time; aliased nodes are looked at once."""
    seen: set[int] = set()
    todo = [root]
    while todo:
        node = todo.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, MappingNode):
            keys: set[tuple[str, str]] = set()
            for key, value in node.value:
                if isinstance(key, ScalarNode):
                    name = (key.tag, key.value)
                    if name in keys:
                        yield line_of(key), key.value
                    keys.add(name)
                todo += [key, value]
        elif not isinstance(node, ScalarNode):
            todo += node.value


def line_of(part: Node | Event | Token) -> int:
    """The line, from 1, on which `part` begins."""
    return line_at(part.start_mark)


def line_at(mark: object) -> int:
    """The line, from 1, of a mark of PyYAML's."""
    line: int = getattr(mark, "line", 0)
    return line + 1


def child(node: Node, key: str) -> tuple[ScalarNode, Node] | None:
    """The key and value nodes of `key` in the mapping `node`, or None."""
    if isinstance(node, MappingNode):
        for name, value in node.value:
            if isinstance(name, ScalarNode) and name.value == key:
                return name, value
    return None
