"""Vectors from an OpenAI-compatible endpoint: what is sent, and what becomes of every kind of bad answer."""

from __future__ import annotations

import gzip
import json
import math
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from shared.adapters.model.embedding import BATCH, MAX_BODY, MAX_TEXT, EndpointEmbedder
from shared.knowledge import Embedder
from shared.ports import Permanent, Transient
from tests.model.endpoint import Answer, Endpoint, Seen, error

KEY = "sk-not-to-be-said-aloud"


def given(*rows: Any, **more: Any) -> Answer:
    data = [{"object": "embedding", "index": n, "embedding": row} for n, row in enumerate(rows)]
    return Answer(json.dumps({"object": "list", "data": data, "model": "m", **more}).encode())


def fitting(seen: Seen) -> Answer:
    return given(*([3.0, float(len(text)), 0.0] for text in seen.body["input"]))


@pytest.fixture
def embedder(endpoint: Endpoint) -> Iterator[EndpointEmbedder]:
    endpoint.script = fitting
    made = EndpointEmbedder(endpoint.url, "some-model", SecretStr(KEY), timeout_s=5.0)
    yield made
    made.close()


def test_texts_become_vectors_of_length_one_in_order(endpoint: Endpoint, embedder: EndpointEmbedder) -> None:
    as_port: Embedder = embedder
    one, other = as_port.embed(["abcd", "x"])
    assert one == pytest.approx((0.6, 0.8, 0.0))
    assert other == pytest.approx((0.9486833, 0.3162278, 0.0))
    (seen,) = endpoint.seen
    assert seen.path == "/v1/embeddings"
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert seen.body == {"model": "some-model", "input": ["abcd", "x"], "encoding_format": "float"}


def test_nothing_is_asked_for_no_texts(endpoint: Endpoint, embedder: EndpointEmbedder) -> None:
    assert embedder.embed([]) == ()
    assert endpoint.seen == []


def test_many_texts_go_in_batches(endpoint: Endpoint, embedder: EndpointEmbedder) -> None:
    found = embedder.embed(["x" * n for n in range(1, 2 * BATCH + 2)])
    assert [len(seen.body["input"]) for seen in endpoint.seen] == [BATCH, BATCH, 1]
    assert [round(3 * v[1] / v[0]) for v in found] == list(range(1, 2 * BATCH + 2))


def test_the_servers_own_order_is_put_right(endpoint: Endpoint, embedder: EndpointEmbedder) -> None:
    data = [{"index": 1, "embedding": [0.0, 2.0]}, {"index": 0, "embedding": [5.0, 0.0]}]
    endpoint.script = lambda _: Answer(json.dumps({"data": data}).encode())
    assert embedder.embed(["a", "b"]) == ((1.0, 0.0), (0.0, 1.0))


def test_odd_texts_are_sent_cut_and_never_empty(endpoint: Endpoint, embedder: EndpointEmbedder) -> None:
    embedder.embed(["", "  \n", "\ud800", "y" * 1_000_000])
    assert endpoint.seen[0].body["input"] == ["-", "-", "?", "y" * MAX_TEXT]


def test_its_name_tells_model_host_and_length_and_no_credentials() -> None:
    assert EndpointEmbedder("https://user:word@api.example/v1", "m-3", dimensions=512).name == "m-3@api.example-512"
    assert EndpointEmbedder("http://127.0.0.1:11434/v1", "m").name == "m@127.0.0.1:11434"


@pytest.mark.parametrize("url", ["", "api.example/v1", "ftp://api.example", "file:///etc/passwd", "http://"])
def test_what_is_no_web_address_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="host"):
        EndpointEmbedder(url, "m")


def test_a_probe_tells_the_length_and_the_name_stays(embedder: EndpointEmbedder) -> None:
    name = embedder.name
    assert embedder.probe() == 3
    assert embedder.name == name


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_a_refusal_is_permanent_and_says_nothing_of_the_key(
    endpoint: Endpoint, embedder: EndpointEmbedder, status: int
) -> None:
    endpoint.script = lambda _: error(status, f"your key {KEY} is bad")
    with pytest.raises(Permanent, match=str(status)) as caught:
        embedder.embed(["x"])
    assert KEY not in str(caught.value)
    assert len(endpoint.seen) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_a_server_that_may_answer_later_is_transient_and_asked_once(
    endpoint: Endpoint, embedder: EndpointEmbedder, status: int
) -> None:
    endpoint.script = lambda _: error(status, **{"retry-after": "17"})
    with pytest.raises(Transient, match=str(status)) as caught:
        embedder.embed(["x"])
    assert caught.value.retry_after == 17.0
    assert len(endpoint.seen) == 1


def test_a_redirect_is_not_followed(endpoint: Endpoint, embedder: EndpointEmbedder) -> None:
    endpoint.script = lambda _: Answer(b"", 307, {"location": "http://127.0.0.1:9/v1/embeddings"})
    with pytest.raises(Permanent, match="307"):
        embedder.embed(["x"])


def test_a_server_that_never_answers_is_late(endpoint: Endpoint) -> None:
    endpoint.script = lambda _: Answer(b"", hold=True)
    made = EndpointEmbedder(endpoint.url, "m", timeout_s=0.2)
    with pytest.raises(Transient, match="late"):
        made.embed(["x"])
    made.close()


def test_a_server_that_drips_is_late(endpoint: Endpoint) -> None:
    endpoint.script = lambda _: Answer(b" " * 100_000, drip=0.02)
    made = EndpointEmbedder(endpoint.url, "m", timeout_s=0.3)
    with pytest.raises(Transient, match="late"):
        made.embed(["x"])
    made.close()


def test_a_closed_port_cannot_be_reached() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        made = EndpointEmbedder(f"http://127.0.0.1:{held.getsockname()[1]}/v1", "m", timeout_s=2.0)
        with pytest.raises(Transient, match="reached"):
            made.embed(["x"])
        made.close()


@pytest.mark.parametrize(
    "answer",
    [
        given([1.0]),
        given([1.0], [1.0], [1.0]),
        given(),
        given([1.0], "AACAPw=="),
        given([1.0], []),
        given([1.0], None),
        given([1.0], ["1.0"]),
        given([1.0], [True]),
        given([1.0], [[1.0]]),
        Answer(b'{"data": [{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [1]}]}'),
        Answer(b'{"data": [{"index": 0, "embedding": [1]}, {"index": 7, "embedding": [1]}]}'),
        Answer(b'{"data": [{"index": 0, "embedding": [1]}, {"embedding": [1]}]}'),
        Answer(b'{"data": [{"embedding": [1]}, {"embedding": [1' + b"0" * 5_000 + b"]}]}"),
        Answer(b"[" * 100_000),
        Answer(b"<html>"),
        Answer(b"\xff\xfe"),
        Answer(b""),
    ],
)  # fmt: skip
def test_what_is_not_one_embedding_a_text_is_permanent(
    endpoint: Endpoint, embedder: EndpointEmbedder, answer: Answer
) -> None:
    endpoint.script = lambda _: answer
    with pytest.raises(Permanent, match="one embedding a text"):
        embedder.embed(["x", "y"])


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "0"])
def test_a_vector_without_direction_is_permanent(endpoint: Endpoint, embedder: EndpointEmbedder, number: str) -> None:
    endpoint.script = lambda _: Answer(f'{{"data": [{{"index": 0, "embedding": [0, {number}]}}]}}'.encode())
    with pytest.raises(Permanent, match="direction"):
        embedder.embed(["x"])


def test_numbers_near_the_end_of_their_range_still_have_a_direction(
    endpoint: Endpoint, embedder: EndpointEmbedder
) -> None:
    endpoint.script = lambda _: given([1e308, 1e308], [1e-300, 0.0])
    one, other = embedder.embed(["x", "y"])
    assert math.isclose(math.hypot(*one), 1.0)
    assert other == (1.0, 0.0)


def test_vectors_of_two_lengths_are_refused(endpoint: Endpoint, embedder: EndpointEmbedder) -> None:
    endpoint.script = lambda _: given([1.0], [1.0, 1.0])
    with pytest.raises(Permanent, match="different lengths"):
        embedder.embed(["x", "y"])


def test_another_length_than_before_or_than_configured_is_refused(
    endpoint: Endpoint, embedder: EndpointEmbedder
) -> None:
    embedder.embed(["x"])
    endpoint.script = lambda _: given([1.0, 0.0])
    with pytest.raises(Permanent, match="2 numbers a vector instead of 3"):
        embedder.embed(["x"])
    configured = EndpointEmbedder(endpoint.url, "m", dimensions=768)
    with pytest.raises(Permanent, match="instead of 768"):
        configured.embed(["x"])
    configured.close()


def test_an_endless_answer_is_refused(endpoint: Endpoint, embedder: EndpointEmbedder) -> None:
    endpoint.script = lambda _: Answer(b" " * 1_000_000, endless=True)
    with pytest.raises(Permanent, match="more than can be read"):
        embedder.embed(["x"])


def test_a_packed_answer_that_was_not_asked_for_is_refused(endpoint: Endpoint, embedder: EndpointEmbedder) -> None:
    endpoint.script = lambda _: Answer(gzip.compress(b" " * MAX_BODY), headers={"content-encoding": "gzip"})
    with pytest.raises(Permanent, match="more than can be read"):
        embedder.embed(["x"])


def test_the_environment_of_the_sdk_is_not_heard(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, "of-the-environment")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    endpoint.script = fitting
    made = EndpointEmbedder(endpoint.url, "m")
    made.embed(["x"])
    made.close()
    assert "of-the-environment" not in str(endpoint.seen[0].headers)
