"""A Kafka that starts: for a while it knows its topics and no broker, as KRaft's is until it is unfenced.

A client that hears this may forget the broker for good (https://github.com/confluentinc/librdkafka/issues/5301).
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import struct
import threading
from typing import Final, Self

from embedded.broker.mock import MockCluster

METADATA: Final = 3
"""ApiKey (https://kafka.apache.org/protocol)."""


def _compact(text: str) -> bytes:
    return bytes([len(text) + 1]) + text.encode()


def no_broker(version: int, topic: str) -> bytes:
    """The body of a Metadata answer with this topic, one partition of it without a leader, and no broker."""
    assert 10 <= version <= 13, f"Metadata v{version} is not known here"
    no_leader, brokers, no_tags = 5, b"\x01", b"\x00"
    partition = struct.pack(">hiii", no_leader, 0, -1, 0) + b"\x01\x01\x01" + no_tags
    row = struct.pack(">h", 0) + _compact(topic) + bytes(16) + b"\x00" + b"\x02" + partition
    row += struct.pack(">i", -(2**31)) + no_tags
    end = struct.pack(">i", -(2**31)) if version == 10 else struct.pack(">h", 0) if version == 13 else b""
    return struct.pack(">i", 0) + brokers + _compact("c") + struct.pack(">i", -1) + b"\x02" + row + end + no_tags


class FencedBroker:
    """librdkafka's mock broker behind a relay that can go away, and come back knowing no broker."""

    def __init__(self, topic: str) -> None:
        self.fenced = False
        self._topic = topic
        self._cluster = MockCluster()
        self._cluster.create_topic(topic, 1)
        self._open: set[socket.socket] = set()
        self._away = False
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._cluster.advertise("127.0.0.1", self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    def leave(self) -> None:
        """Every connection ends, and no new one is answered, until `come`."""
        self._away = True
        for one in tuple(self._open):
            _end(one)

    def come(self, *, fenced: bool = False) -> None:
        """Answer again; `fenced`: without a broker in any answer."""
        self.fenced, self._away = fenced, False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()
        self._server.shutdown()
        self._server.server_close()
        self._cluster.close()

    def _handler(owner) -> type[socketserver.BaseRequestHandler]:  # noqa: N805 - `self` is the handler's
        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                if not owner._away:
                    owner._relay(self.request)

        return Handler

    def _relay(self, client: socket.socket) -> None:
        with socket.create_connection(self._cluster.listener) as broker:
            self._open |= {client, broker}
            back = threading.Thread(target=_copy, args=(broker, client), daemon=True)
            back.start()
            with contextlib.suppress(OSError):  # one of the two is gone
                while (frame := _frame(client)) is not None:
                    key, version, correlation = struct.unpack(">hhi", frame[:8])
                    if key == METADATA and self.fenced:
                        body = struct.pack(">i", correlation) + b"\x00" + no_broker(version, self._topic)
                        client.sendall(struct.pack(">i", len(body)) + body)
                    else:
                        broker.sendall(struct.pack(">i", len(frame)) + frame)
            _end(broker)
            back.join(5)
            self._open -= {client, broker}


def _frame(source: socket.socket) -> bytes | None:
    """One request without its length; None at the end."""
    head = _exactly(source, 4)
    return _exactly(source, struct.unpack(">i", head)[0]) if head else None


def _exactly(source: socket.socket, count: int) -> bytes | None:
    found = b""
    while len(found) < count:
        part = source.recv(count - len(found))
        if not part:
            return None
        found += part
    return found


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):  # one of the two is gone
        while part := source.recv(65_536):
            sink.sendall(part)
    _end(sink)


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it is gone
        one.shutdown(socket.SHUT_RDWR)
