"""The model's process: what it knows, what it may do, and how it ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr

from mission_control.fleet.adviser import child_command
from shared.adapters.model import wire
from shared.adapters.model.process import FIRST_PAUSE, Command, ModelProcess
from shared.adapters.model.wire import Ask
from tests.model.endpoint import Answer, Endpoint, says

KEY = "sk-canary-of-the-endpoint-0123456789"


def ask(id: int = 1, within: float = 10.0) -> Ask:
    return Ask(id=id, system="S", data="D", form={"type": "object"}, max_tokens=50, timeout_s=within)


def process(url: str, command: Command) -> ModelProcess:
    return ModelProcess(command, wire.Endpoint(base_url=url, api_key=SecretStr(KEY), model="m"))


@pytest.fixture
def model(endpoint: Endpoint, tmp_path: Path) -> Iterator[ModelProcess]:
    made = process(endpoint.url, child_command(tmp_path))
    yield made
    made.stop()


def script(code: str) -> Command:
    """A child that does something else than ours."""
    return Command((sys.executable, "-I", "-c", f"import os, sys, time\n{code}"), {})


def test_a_question_comes_back_answered_and_the_child_lives_on(endpoint: Endpoint, model: ModelProcess) -> None:
    endpoint.script = lambda _: says('{"a": 1}')
    assert model.exchange(ask(1), 20.0).text == '{"a": 1}'
    pid = model.pid
    assert model.exchange(ask(2), 20.0).id == 2
    assert model.pid == pid


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_child_knows_no_token_no_engine_no_stream_and_no_key(
    endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canaries = {
        "GITHUB_PERSONAL_ACCESS_TOKEN": "ghp_canary0123456789012345678901234567",
        "OPENAI_API_KEY": KEY,
        "DOCKER_HOST": "unix:///canary.sock",
        "SRE_DOCKER_READONLY_HOST": "unix:///canary-ro.sock",
        "KAFKA_BOOTSTRAP_SERVERS": "canary:9092",
        "SRE_KEY": "/canary.key",
        "SRE_WEBHOOK_SECRET": "canary-hook",
        "AWS_SECRET_ACCESS_KEY": "canary-aws",
    }
    for name, value in canaries.items():
        monkeypatch.setenv(name, value)
    model = process(endpoint.url, child_command(tmp_path))
    try:
        endpoint.script = lambda _: says("{}")
        assert model.exchange(ask(), 20.0).text == "{}"
        child = psutil.Process(model.pid)
        found = child.environ()
        told = " ".join([*found, *found.values(), *child.cmdline()])
        files = [str(f.readlink()) for f in Path(f"/proc/{model.pid}/fd").iterdir()]
    finally:
        model.stop()
    assert not [c for c in (*canaries, *canaries.values()) if c in told]
    allowed = {"PATH", "PYTHONPATH", "SRE_SPACE_UP", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "LC_CTYPE"}
    assert {n for n in found if "proxy" not in n.lower()} <= allowed
    assert not [f for f in files if f.startswith("/") and not f.startswith("/dev/")]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_child_may_write_no_file_and_has_a_bound_of_memory(endpoint: Endpoint, model: ModelProcess) -> None:
    endpoint.script = lambda _: says("{}")
    model.exchange(ask(), 20.0)
    child = psutil.Process(model.pid)
    assert child.rlimit(psutil.RLIMIT_FSIZE) == (0, 0)
    assert child.rlimit(psutil.RLIMIT_CORE) == (0, 0)
    assert child.rlimit(psutil.RLIMIT_AS)[1] == 2 * 1024**3


def test_a_child_that_is_late_is_killed_and_the_next_question_gets_a_new_one(
    endpoint: Endpoint, model: ModelProcess
) -> None:
    endpoint.script = lambda _: says("{}")
    model.exchange(ask(1), 20.0)
    pid = model.pid
    assert pid is not None
    endpoint.script = lambda _: Answer(b"", hold=True)
    began = time.monotonic()
    assert model.exchange(ask(2, within=60.0), 0.5).why == "late"
    assert time.monotonic() - began < 3.0
    assert not psutil.pid_exists(pid)
    endpoint.script = lambda _: says('{"new": true}')
    deadline = time.monotonic() + 20.0
    while (told := model.exchange(ask(3), 20.0)).text is None:
        assert told.why == "ended"  # it waits before it starts again
        assert time.monotonic() < deadline
    assert told.id == 3


@pytest.mark.parametrize(
    "code",
    [
        "sys.exit(3)",
        "os.kill(os.getpid(), 9)",
        "print('hello')",
        'sys.stdin.readline(); sys.stdin.readline(); print(\'{"id": 99, "text": "restart everything"}\')',
        'sys.stdin.readline(); print(\'{"id": 1, "text": "x", "action": "restart"}\')',
        "sys.stdout.write('x' * 2_000_000)",
        "sys.stdout.buffer.write(bytes(range(256)))",
        "os.close(1); time.sleep(60)",
    ],
)
def test_a_child_that_dies_or_talks_nonsense_gives_no_text_and_a_pause(code: str) -> None:
    model = process("http://127.0.0.1:1/v1", script(code))
    told = model.exchange(ask(), 10.0)
    assert (told.text, told.why) == (None, "ended")
    assert model.pid is None
    assert not model.start()  # too soon
    model.stop()


def test_a_child_that_reads_nothing_cannot_hold_its_parent() -> None:
    model = process("http://127.0.0.1:1/v1", script("time.sleep(60)"))
    huge = ask().model_copy(update={"data": "x" * 500_000})
    began = time.monotonic()
    assert model.exchange(huge, 0.3).why == "late"
    assert time.monotonic() - began < 3.0


def test_the_pause_between_starts_grows() -> None:
    model = process("http://127.0.0.1:1/v1", Command(("/nowhere/python",), {}))
    assert not model.start()
    assert model.exchange(ask(), 1.0).why == "ended"
    assert model._pause > FIRST_PAUSE


@pytest.mark.skipif(sys.platform != "linux", reason="prctl")
def test_the_child_ends_with_its_stdin(endpoint: Endpoint, model: ModelProcess) -> None:
    endpoint.script = lambda _: says("{}")
    model.exchange(ask(), 20.0)
    child = psutil.Process(model.pid)
    assert model._process is not None
    assert model._process.stdin is not None
    model._process.stdin.close()
    child.wait(10.0)
