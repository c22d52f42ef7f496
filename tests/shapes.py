"""Holds a JSON document to a typed shape of mission_control/terminal/shapes.py, to the letter."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict


def faults(document: Any, shape: Any, where: str = "$") -> Iterator[str]:
    """What is not as the shape says: a wrong type, a field that is missing, one that is not promised."""
    origin, arguments = get_origin(shape), get_args(shape)
    if origin is Annotated:
        yield from faults(document, arguments[0], where)
    elif origin in (Union, types.UnionType):
        if all(list(faults(document, one, where)) for one in arguments):
            yield f"{where}: {document!r} is none of {arguments}"
    elif origin is Literal:
        if document not in arguments:
            yield f"{where}: {document!r} is none of {arguments}"
    elif is_typeddict(shape):
        yield from _fields(document, shape, where)
    elif origin in (list, dict) or shape in (list, dict):
        yield from _items(document, origin or shape, arguments, where)
    elif shape is float:
        if not isinstance(document, int | float) or isinstance(document, bool):
            yield f"{where}: {document!r} is no number"
    elif shape is not Any and type(document) is not shape:
        yield f"{where}: {document!r} is no {shape}"


def _fields(document: Any, shape: Any, where: str) -> Iterator[str]:
    if not isinstance(document, dict):
        yield f"{where}: {document!r} is no object"
        return
    hints = get_type_hints(shape, include_extras=True)
    yield from (f"{where}.{name} is missing" for name in shape.__required_keys__ - document.keys())
    if shape.__required_keys__:
        yield from (f"{where}.{name} is not promised" for name in document.keys() - hints.keys())
    for name in document.keys() & hints.keys():
        yield from faults(document[name], hints[name], f"{where}.{name}")


def _items(document: Any, kind: Any, arguments: tuple[Any, ...], where: str) -> Iterator[str]:
    if not isinstance(document, kind):
        yield f"{where}: {document!r} is no {kind}"
    elif arguments:
        rows = document.items() if kind is dict else enumerate(document)
        for key, value in rows:
            yield from faults(value, arguments[-1], f"{where}[{key!r}]")
