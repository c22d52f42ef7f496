"""A TCP relay giving the mock broker a fixed address, where it can vanish and come back as a real broker would."""

from __future__ import annotations

import asyncio
from typing import Final

CHUNK: Final = 256 * 1024
"""Bytes read at a time; also bounds what one connection holds in memory."""


class Relay:
    """Accepts on `host:port` and copies bytes both ways to and from `upstream`. Knows nothing of Kafka."""

    def __init__(self, upstream: tuple[str, int], host: str, port: int) -> None:
        """`port` 0 takes any free port at the first `open` and keeps it from then on."""
        self.upstream = upstream
        self.host = host
        self.port = port
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Start to accept. Raises OSError when the port is taken. Does nothing when open already."""
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, self.host, self.port, limit=CHUNK)
            self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop to accept and drop every connection; clients see the broker gone. Does nothing when closed already."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  (a coroutine always runs in a task)
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        try:
            up_reader, up_writer = await asyncio.open_connection(*self.upstream, limit=CHUNK)
        except OSError:
            writer.close()
            return
        copies = [asyncio.create_task(_copy(reader, up_writer)), asyncio.create_task(_copy(up_reader, writer))]
        try:
            await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            pass  # the relay is closing: fall through and hang up on both sides
        finally:
            for copy in copies:
                copy.cancel()
            writer.transport.abort()
            up_writer.transport.abort()
            await asyncio.gather(*copies, return_exceptions=True)


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while chunk := await source.read(CHUNK):
            target.write(chunk)
            await target.drain()
    except OSError:
        return  # either side hung up: the other copy is stopped by the caller
