"""Carries what containers print from their pipes into their log books, on one thread."""

from __future__ import annotations

import os
import selectors
import threading
from dataclasses import dataclass, field

from embedded.engine.logbook import LogBook, Stream

CHUNK = 65536
LONGEST_LINE = 16 * 1024
"""Bytes after which an unfinished line is written as it is (dockerd's limit)."""


@dataclass(eq=False, slots=True)
class _Pipe:
    fd: int
    stream: Stream
    book: LogBook
    pending: bytes = b""
    open: bool = True
    lock: threading.Lock = field(default_factory=threading.Lock)


class LogPump:
    """One selector over the read ends of all containers' pipes."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe()
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        threading.Thread(target=self._run, name="log-pump", daemon=True).start()

    def attach(self, book: LogBook) -> tuple[int, int, list[_Pipe]]:
        """Two write ends (stdout, stderr) for a new process, whose owner closes them, and the pipes to drain."""
        ends = []
        pipes = []
        streams: tuple[Stream, Stream] = ("stdout", "stderr")
        for stream in streams:
            read, write = os.pipe()
            os.set_blocking(read, False)
            pipe = _Pipe(read, stream, book)
            self._selector.register(read, selectors.EVENT_READ, pipe)
            ends.append(write)
            pipes.append(pipe)
        os.write(self._wake_write, b".")
        return ends[0], ends[1], pipes

    def drain(self, pipes: list[_Pipe]) -> None:
        """Everything an ended process wrote is in the book when this returns."""
        for pipe in pipes:
            self._read(pipe, to_the_end=True)
            with pipe.lock:
                if pipe.pending:
                    pipe.book.append(pipe.stream, [pipe.pending])
                    pipe.pending = b""
                self._close(pipe)

    def _run(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    os.read(self._wake_read, CHUNK)
                else:
                    self._read(key.data)

    def _read(self, pipe: _Pipe, *, to_the_end: bool = False) -> None:
        with pipe.lock:
            while pipe.open:
                try:
                    data = os.read(pipe.fd, CHUNK)
                except BlockingIOError:
                    return
                if not data:
                    self._close(pipe)
                    return
                *lines, rest = (pipe.pending + data).splitlines(keepends=True) or [b""]
                if rest.endswith(b"\n") or len(rest) >= LONGEST_LINE:
                    lines, rest = [*lines, rest], b""
                pipe.pending = rest
                if lines:
                    pipe.book.append(pipe.stream, lines)
                if not to_the_end:
                    return

    def _close(self, pipe: _Pipe) -> None:
        if pipe.open:
            pipe.open = False
            self._selector.unregister(pipe.fd)
            os.close(pipe.fd)
