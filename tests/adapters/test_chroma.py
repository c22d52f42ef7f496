"""Chroma's adapter where Chroma is away, slow, foreign or shared; nothing waits longer than it may."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from shared.adapters.chroma import ChromaLibrary
from shared.knowledge import Embedder, Vector, Wanted
from shared.ports import Permanent, Transient
from shared.recall.hashing import Hashed
from tests.adapters.chroma_world import NOW, ChromaProcess, incident
from tests.machine import ROOT, clean_environment, free_ports

OOM = incident(1, "out of memory")
ASKED = Wanted("out of memory", NOW)


class Answers:
    """Answers every request with the same, after `pause` seconds."""

    def __init__(self, status: int, body: bytes, pause: float = 0.0) -> None:
        ending = self.ending = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                ending.wait(pause)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815 - the name the server looks for

            def log_message(self, format: str, *args: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self.ending.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module", autouse=True)
def _loaded() -> None:
    """chromadb is in this process, so that no test is about how long it takes to load."""
    import shared.adapters.chroma.wire  # noqa: F401


@pytest.fixture
def silent() -> Iterator[str]:
    """Somebody who accepts and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(8)
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


Make = Callable[..., ChromaLibrary]


@pytest.fixture
def library() -> Iterator[Make]:
    """Makes one for an address, and closes it in the end."""
    made: list[ChromaLibrary] = []

    def make(url: str, within: float = 5.0, fleet: str = "o/r", embedder: Embedder | None = None) -> ChromaLibrary:
        made.append(ChromaLibrary(url, fleet, embedder or Hashed(), recall_within=within))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_chroma_away_is_transient_and_it_is_found_again_when_it_is_back(tmp_path: Path, library: Make) -> None:
    one = library(f"http://127.0.0.1:{free_ports(1)}")
    with pytest.raises(Transient, match="does not answer"):
        one.recall(ASKED)
    process = ChromaProcess(tmp_path)
    try:
        two = library(process.url)
        two.put([OOM])
        assert len(two.recall(ASKED)) == 1
    finally:
        process.stop()
    with pytest.raises(Transient):
        two.recall(ASKED)


def test_an_answer_that_does_not_come_is_given_up_in_time(silent: str, library: Make) -> None:
    begun = time.monotonic()
    with pytest.raises(Transient, match="ReadTimeout"):
        library(silent, 0.3).recall(ASKED)
    assert time.monotonic() - begun < 5.0


@pytest.mark.parametrize("status", [500, 503, 429, 408])
def test_trouble_of_the_server_is_transient(status: int, library: Make) -> None:
    server = Answers(status, b'{"error":"InternalError","message":"the disk is full"}')
    try:
        with pytest.raises(Transient, match=f"answers {status}: the disk is full"):
            library(server.url).recall(ASKED)
    finally:
        server.close()


@pytest.mark.parametrize(
    ("status", "body"),
    [(400, b'{"error":"InvalidArgumentError","message":"no"}'), (401, b""), (302, b""), (200, b"<html>"), (200, b"[]"),
     (200, b'{"id": 7}'), (200, b"[" * 100_000)],
)  # fmt: skip
def test_a_refusal_and_what_is_no_chroma_are_permanent(status: int, body: bytes, library: Make) -> None:
    server = Answers(status, body)
    try:
        with pytest.raises(Permanent):
            library(server.url).recall(ASKED)
    finally:
        server.close()


def test_the_index_of_another_embedding_is_another_one_and_clearing_takes_both(
    chroma: ChromaProcess, library: Make
) -> None:
    class Other:
        name = "another"

        def embed(self, texts: Sequence[str]) -> tuple[Vector, ...]:
            return tuple((1.0, 0.0) for _ in texts)

    fleet = "o/two-embeddings"
    ours, other = library(chroma.url, fleet=fleet), library(chroma.url, fleet=fleet, embedder=Other())
    stranger = library(chroma.url, fleet="somebody/else")
    for one in (ours, other, stranger):
        one.put([OOM])
    assert ours.embeddings() == tuple(sorted((Hashed().name, "another")))
    other.drop([OOM.id])
    assert list(ours.held()) == [OOM.id]
    ours.clear()
    assert ours.embeddings() == ()
    assert list(stranger.held()) == [OOM.id]


def test_what_another_process_cleared_is_made_again_by_the_next_write(chroma: ChromaProcess, library: Make) -> None:
    writer, reader = library(chroma.url, fleet="o/cleared"), library(chroma.url, fleet="o/cleared")
    writer.put([OOM])
    assert len(reader.recall(ASKED)) == 1
    reader.clear()
    writer.put([OOM])
    assert len(reader.recall(ASKED)) == 1


def test_a_worker_that_only_names_the_adapter_has_not_loaded_chromadb() -> None:
    code = (
        "import sys\n"
        "from shared.adapters.chroma import ChromaLibrary\n"
        "from shared.recall.hashing import Hashed\n"
        "ChromaLibrary('http://127.0.0.1:9', 'o/r', Hashed())\n"
        "assert not {'chromadb', 'httpx', 'grpc'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=clean_environment(), check=True, timeout=30)


def test_chromadb_loads_without_a_warning_and_without_rich() -> None:
    code = "import sys; sys.modules['rich'] = None; import shared.adapters.chroma.wire as w; w.client('http://x:1')"
    command = [sys.executable, "-W", "error", "-c", code]
    subprocess.run(command, cwd=ROOT, env=clean_environment(), check=True, timeout=50)
