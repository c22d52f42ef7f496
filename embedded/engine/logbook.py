"""A container's output on disk, bounded in size, read back by time and followed live."""

from __future__ import annotations

import json
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Stream = Literal["stdout", "stderr"]
MAX_FILE = 2 * 1024 * 1024
"""Bytes per file; the current one and the one before are kept."""
FOLLOWER_BACKLOG = 20_000
"""Lines a slow follower may lag before it is cut off, so that it cannot fill the engine's memory."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line with its newline (a last unfinished one without); time in Unix nanoseconds."""

    stream: Stream
    time: int
    text: bytes


class LogBook:
    """Append-only log of one container: `log.jsonl` and `log.jsonl.1` in its folder, as dockerd's json-file driver."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "log.jsonl"
        self._previous = folder / "log.jsonl.1"
        self._lock = threading.Lock()
        self._file = self._path.open("ab", buffering=0)
        self._size = os.fstat(self._file.fileno()).st_size
        if self._size and not _ends_a_line(self._path):
            self._file.write(b"\n")  # a crash cut the last record short
        self._followers: list[queue.SimpleQueue[LogLine | None]] = []

    def append(self, stream: Stream, chunks: list[bytes]) -> None:
        """Write lines, and hand them to those who follow."""
        now = time.time_ns()
        lines = [LogLine(stream, now, chunk) for chunk in chunks]
        encoded = b"".join(_encode(line) for line in lines)
        with self._lock:
            if self._file.closed:
                return
            if self._size and self._size + len(encoded) > MAX_FILE:
                self._rotate()
            self._file.write(encoded)
            self._size += len(encoded)
            for follower in list(self._followers):
                if follower.qsize() > FOLLOWER_BACKLOG:
                    follower.put(None)
                    self._followers.remove(follower)
                    continue
                for line in lines:
                    follower.put(line)

    def read(self, since: int = 0, until: int | None = None, tail: int | None = None) -> list[LogLine]:
        """The stored lines from `since` to `until` (Unix ns), the last `tail` of them."""
        with self._lock:
            return self._read(since, until, tail)

    @contextmanager
    def follow(
        self, since: int = 0, tail: int | None = None
    ) -> Iterator[tuple[list[LogLine], queue.SimpleQueue[LogLine | None]]]:
        """What is stored, and a queue of all that comes after it; None ends the queue (the container ended)."""
        inbox: queue.SimpleQueue[LogLine | None] = queue.SimpleQueue()
        with self._lock:
            stored = self._read(since, None, tail)
            self._followers.append(inbox)
        try:
            yield stored, inbox
        finally:
            with self._lock:
                if inbox in self._followers:
                    self._followers.remove(inbox)

    def end_follow(self) -> None:
        """The run is over: whoever follows gets the end."""
        with self._lock:
            for follower in self._followers:
                follower.put(None)
            self._followers.clear()

    def close(self) -> None:
        """End the followers and close the file."""
        self.end_follow()
        with self._lock:
            self._file.close()

    def _rotate(self) -> None:
        self._file.close()
        self._path.replace(self._previous)
        self._file = self._path.open("ab", buffering=0)
        self._size = 0

    def _read(self, since: int, until: int | None, tail: int | None) -> list[LogLine]:
        kept: deque[LogLine] = deque(maxlen=tail)
        for path in (self._previous, self._path):
            if not path.exists():
                continue
            with path.open("rb") as file:
                for raw in file:
                    line = _decode(raw)
                    if line and line.time >= since and (until is None or line.time <= until):
                        kept.append(line)
        return list(kept)


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"


def _encode(line: LogLine) -> bytes:
    record = {"log": line.text.decode("utf-8", "surrogateescape"), "stream": line.stream, "time": line.time}
    return json.dumps(record).encode() + b"\n"


def _decode(raw: bytes) -> LogLine | None:
    """None for a record cut short by a crash of the engine."""
    try:
        record = json.loads(raw)
    except ValueError:
        return None
    return LogLine(record["stream"], record["time"], record["log"].encode("utf-8", "surrogateescape"))
