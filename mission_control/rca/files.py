"""Exports from disk, trace by trace: a window of a million spans is never in memory as JSON."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

from shared.analysis import otlp_json
from shared.analysis.rca.metrics import Rows
from shared.analysis.rca.table import Builder
from shared.analysis.spans import into_traces

CHUNK: Final = 1 << 20
HEAD: Final = 1 << 12
"""Characters within which `"data": [` must begin for a file to be read trace by trace."""


class Unreadable(Exception):
    """The file is not what it should be."""


def add_export(builder: Builder, path: Path, *, incident: bool) -> None:
    """Take the traces of an export into `builder`: Jaeger's own JSON, or OTLP as /api/v3 answers. Raises Unreadable."""
    try:
        with _open(path) as file:
            otlp = '"resourceSpans"' in file.read(HEAD)
            if otlp:
                file.seek(0)
                parsed = otlp_json.parse(file.read())
    except (OSError, EOFError, ValueError, RecursionError) as error:
        raise Unreadable(f"{path}: {error}") from error
    if otlp:
        builder.add_traces(into_traces(parsed.spans), incident=incident)
        builder.leave_out(parsed.set_aside)
    else:
        builder.add_jaeger(read_traces(path), incident=incident)


def read_traces(path: Path) -> Iterator[Any]:
    """The traces of `{"data": [trace, …]}` (or of a bare list) one by one. Raises Unreadable."""
    try:
        with _open(path) as file:
            yield from _stream(file, path)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise Unreadable(f"{path}: {error}") from error


def read_rows(path: Path) -> Rows:
    """Metric rows `{"columns": […], "rows": [[…], …]}`. Raises Unreadable."""
    try:
        with _open(path) as file:
            given = json.load(file)
        return Rows([str(c) for c in given["columns"]], [list(r) for r in given["rows"]])
    except (OSError, EOFError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise Unreadable(f"{path}: no metric rows in it ({error!r:.100})") from error


def _open(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")


def _stream(file: IO[str], path: Path) -> Iterator[Any]:
    buffer = file.read(CHUNK)
    at = _first(buffer)
    if at < 0:
        yield from _whole(buffer + file.read(), path)
        return
    decoder = json.JSONDecoder()
    while True:
        while at < len(buffer) and buffer[at] in " \t\r\n,":
            at += 1
        if at < len(buffer) and buffer[at] == "]":
            return
        try:
            trace, at = decoder.raw_decode(buffer, at)
        except (ValueError, RecursionError) as error:
            more = file.read(max(CHUNK, len(buffer) - at))
            if not more:
                raise Unreadable(f"{path}: broken off or not JSON after {at} characters ({error})") from error
            buffer, at = buffer[at:] + more, 0
            continue
        yield trace
        if at > CHUNK:
            buffer, at = buffer[at:], 0


def _first(head: str) -> int:
    """Where the first trace is, -1 when the document does not begin with its traces."""
    bare = head.lstrip("\ufeff \t\r\n")
    if bare.startswith("["):
        return len(head) - len(bare) + 1
    key = head.find('"data"', 0, HEAD)
    if not bare.startswith("{") or key < 0 or head[:key].strip("\ufeff \t\r\n") != "{":
        return -1
    bracket = head.find("[", key)
    return bracket + 1 if bracket > 0 and head[key + 6 : bracket].strip(" \t\r\n") == ":" else -1


def _whole(text: str, path: Path) -> Iterator[Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{path}: not JSON ({error})") from error
    data = document.get("data") if isinstance(document, dict) else document
    if not isinstance(data, list):
        raise Unreadable(f"{path}: no traces in it; Jaeger's export has them under data")
    yield from data
