"""One question over HTTP: what is sent, which form a server takes, and what becomes of every kind of bad answer."""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from shared.adapters.model import wire
from shared.adapters.model.client import ChatClient
from shared.adapters.model.wire import MAX_BODY, MAX_TEXT, Ask, Told
from tests.model.endpoint import Answer, Endpoint, Seen, error, says

FORM = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
Asks = Callable[..., Told]


@pytest.fixture
def ask(endpoint: Endpoint) -> Iterator[Asks]:
    client = ChatClient(wire.Endpoint(base_url=endpoint.url, api_key=SecretStr("sk-key"), model="some-model"))

    def put(timeout_s: float = 5.0) -> Told:
        return client.ask(Ask(id=7, system="S", data="D", form=FORM, max_tokens=50, timeout_s=timeout_s))

    yield put
    client.close()


def test_a_question_is_two_messages_a_schema_and_a_limit_and_offers_no_tool(endpoint: Endpoint, ask: Asks) -> None:
    endpoint.script = lambda _: says('{"a": 1}')
    told = ask()
    assert told == Told(id=7, text='{"a": 1}', prompt_tokens=900, completion_tokens=120, requests=1, structured=True)
    (seen,) = endpoint.seen
    assert seen.path == "/v1/chat/completions"
    assert seen.headers["authorization"] == "Bearer sk-key"
    assert seen.body == {
        "model": "some-model",
        "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "D"}],
        "max_tokens": 50,
        "response_format": {"type": "json_schema", "json_schema": {"name": "advice", "strict": True, "schema": FORM}},
    }


def test_a_server_that_wants_the_limit_by_its_new_name_gets_it_and_is_remembered(endpoint: Endpoint, ask: Asks) -> None:
    def script(seen: Seen) -> Answer:
        return error(400, "Unsupported parameter: 'max_tokens'") if "max_tokens" in seen.body else says("{}")

    endpoint.script = script
    first, second = ask(), ask()
    assert (first.text, first.requests, first.structured) == ("{}", 2, True)
    assert (second.text, second.requests) == ("{}", 1)
    assert endpoint.seen[-1].body["max_completion_tokens"] == 50


def test_a_server_without_structured_output_is_asked_plainly(endpoint: Endpoint, ask: Asks) -> None:
    endpoint.script = lambda seen: error(400) if "response_format" in seen.body else says("{}")
    told = ask()
    assert (told.text, told.requests, told.structured) == ("{}", 3, False)


@pytest.mark.parametrize("status", [401, 403, 429, 500, 502, 503])
def test_a_status_ends_the_question_and_nothing_of_the_servers_words_is_kept(
    endpoint: Endpoint, ask: Asks, status: int
) -> None:
    endpoint.script = lambda _: error(status, "your key sk-key is bad", **{"retry-after": "17"})
    told = ask()
    assert told == Told(id=7, why="status", status=status, retry_after_s=17.0, requests=1)
    assert "sk-key" not in told.line().decode()


@pytest.mark.parametrize("text", ["soon", "-1", "99999", "Wed, 21 Oct 2026 07:28:00 GMT", "1e3", ""])
def test_a_senseless_retry_after_counts_as_not_said(endpoint: Endpoint, ask: Asks, text: str) -> None:
    endpoint.script = lambda _: error(429, **{"retry-after": text})
    assert ask().retry_after_s is None


def completion(**choice: Any) -> Answer:
    return Answer(json.dumps({"choices": [choice]}).encode())


BAD: dict[str, tuple[Answer, str]] = {
    "nothing": (Answer(b""), "not JSON"),
    "prose": (Answer(b"Sure! Here is my analysis."), "not JSON"),
    "HTML": (Answer(b"<html>login</html>"), "not JSON"),
    "half": (Answer(says("{}").body[:40]), "not JSON"),
    "invalid UTF-8": (Answer(b'{"choices":[{"message":{"content":"\xff\xfe"}}]}'), "not JSON"),
    "deep": (Answer(b"[" * 200_000), "not JSON"),
    "a huge number": (Answer(b'{"choices":' + b"9" * 20_000 + b"}"), "not JSON"),
    "a list": (Answer(b"[]"), "not a completion"),
    "no choices": (Answer(b'{"choices":[]}'), "not a completion"),
    "choices of another type": (Answer(b'{"choices":{"0":1}}'), "not a completion"),
    "content as parts": (completion(message={"content": [{"type": "text", "text": "x"}]}), "not a completion"),
    "content as a number": (completion(message={"content": 5}), "not a completion"),
    "null content": (says(None), "not a completion"),
    "half a character": (Answer(b'{"choices":[{"message":{"content":"\\ud800"}}]}'), "not JSON"),
    "empty content": (says(""), "not a completion"),
    "a refusal": (says(None, refusal="I cannot help with that."), "refused"),
    "a filter": (completion(message={"content": "x"}, finish_reason="content_filter"), "refused"),
    "cut": (completion(message={"content": '{"ra'}, finish_reason="length"), "cut short"),
    "a tool call": (says(None, tool_calls=[{"id": "1", "type": "function", "function": {"name": "restart"}}]), "tools"),
    "a tool call beside text": (says("{}", tool_calls=[{}]), "tools"),
    "an old function call": (says("{}", function_call={"name": "restart"}), "tools"),
    "a long text": (says("x" * (MAX_TEXT + 1)), "too long"),
    "a megabyte": (says("x" * 1_000_000), "too long"),
    "a megabyte of spaces": (Answer(b" " * 1_000_000 + says("{}").body), "too long"),
    "a packed bomb": (Answer(gzip.compress(b" " * 50_000_000), headers={"content-encoding": "gzip"}), "too long"),
    "an endless body": (Answer(b" " * 65536, endless=True), "too long"),
    "an endless error": (Answer(b" " * 65536, status=500, endless=True), "too long"),
    "a redirect": (Answer(b"", status=307, headers={"location": "http://127.0.0.1:1/v1"}), "status"),
    "no content": (Answer(b"", status=204), "status"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_answer_is_named_and_gives_no_text(endpoint: Endpoint, ask: Asks, kind: str) -> None:
    answer, why = BAD[kind]
    endpoint.script = lambda _: answer
    told = ask()
    assert (told.text, told.why) == (None, why)
    assert len(endpoint.seen) == 1
    assert len(told.line()) < 500


@pytest.mark.parametrize(
    "answer", [Answer(b"", hold=True), Answer(says("{}").body, drip=0.05), Answer(b"x" * 900, status=500, drip=0.05)]
)
def test_silence_and_a_slow_drip_end_in_time(endpoint: Endpoint, ask: Asks, answer: Answer) -> None:
    endpoint.script = lambda _: answer
    began = time.monotonic()
    told = ask(0.6)
    assert told.why == "late"
    assert time.monotonic() - began < 2.0


def test_an_endpoint_that_is_not_there_is_unreachable() -> None:
    with socket.socket() as taken:  # bound and never listening: a connection is refused
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        client = ChatClient(wire.Endpoint(base_url=url, api_key=SecretStr(""), model="m"))
        told = client.ask(Ask(id=1, system="", data="", form={}, max_tokens=1, timeout_s=5.0))
        client.close()
    assert told.why == "unreachable"


@pytest.mark.parametrize(
    "usage",
    [{}, [], "many", {"prompt_tokens": -5, "completion_tokens": 1}, {"prompt_tokens": 1e3}, {"prompt_tokens": 10**30}],
)
def test_counts_that_make_no_sense_are_unknown_and_the_text_stays(endpoint: Endpoint, ask: Asks, usage: Any) -> None:
    endpoint.script = lambda _: says("{}", usage=usage)
    told = ask()
    assert (told.text, told.prompt_tokens, told.completion_tokens) == ("{}", None, None)


def test_the_longest_text_in_its_longest_encoding_fits_a_line(endpoint: Endpoint, ask: Asks) -> None:
    endpoint.script = lambda _: says("\N{PILE OF POO}" * MAX_TEXT)
    told = ask()
    assert told.text is not None
    assert wire.read_told(told.line()) == told
    assert len(told.line()) < wire.MAX_LINE < MAX_BODY
