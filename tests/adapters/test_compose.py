"""docker compose as it is here: it reads what the fleet takes for a desired state, and is believed no further."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.adapters.compose import TRIAL, ComposeConfig
from shared.gitops.stack import LOADS_CODE, STACK, Service, parse_stack
from tests.deploy.test_compose_file import ROOT, composes
from tests.gitops.samples import states
from tests.waiting import wait_for

REAL = pytest.mark.parametrize("program", composes(), ids=lambda program: Path(program[0]).name)
FEW = settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
"""Each is a process that takes half a second, so each holds a lot."""
NAMES = st.from_regex(r"\A[a-zA-Z0-9][a-zA-Z0-9_.-]{0,20}\Z")
KEYS = st.from_regex(r"\A[A-Z][A-Z0-9_]{0,20}\Z").filter(lambda key: not LOADS_CODE.fullmatch(key))
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=200)
IMAGES = (None, "a", "sre-space/a:0.1.0", "localhost:5000/x/y_z:T.1", f"a@sha256:{'0a' * 32}")


@st.composite
def services(draw: st.DrawFn) -> dict[str, Service]:
    found = {}
    for name in draw(st.lists(NAMES, min_size=1, max_size=12, unique=True)):
        said = draw(st.dictionaries(KEYS, VALUES, max_size=6))
        environment = {key: "on" if key.startswith("FEATURE_") else value for key, value in said.items()}
        found[name] = Service(
            image=draw(st.sampled_from(IMAGES)),
            memory_mib=draw(st.integers(16, 65_536)),
            replicas=draw(st.integers(0, 100)),
            environment=environment,
        )
    return found


def written(services: Mapping[str, Service]) -> str:
    """In double quotes, whatever can be."""
    lines = ["services:"]
    for name, service in services.items():
        lines += [f"  {json.dumps(name)}:", f"    mem_limit: {service.memory_mib}m"]
        lines += [f"    image: {json.dumps(service.image)}"] if service.image else []
        lines += [f"    deploy: {{replicas: {service.replicas}}}", "    environment:" if service.environment else ""]
        lines += [f"      {key}: {json.dumps(value.replace('$', '$$'))}" for key, value in service.environment.items()]
    return "\n".join(lines) + "\n"


def script(folder: Path, text: str) -> tuple[str, ...]:
    """A compose of a test's own."""
    file = folder / "compose"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return (str(file),)


@REAL
def test_it_reads_the_marketplaces_desired_state(program: tuple[str, ...]) -> None:
    said = ComposeConfig((program,)).says((ROOT / STACK).read_bytes())
    assert (said.name, said.ok) == ("compose", True), said.detail


@REAL
@FEW
@given(text=states())
def test_what_the_fleet_reads_in_whatever_style_compose_reads(program: tuple[str, ...], text: str) -> None:
    parse_stack(text)
    said = ComposeConfig((program,)).says(text.encode())
    assert said.ok, said.detail


@REAL
@FEW
@given(meant=services())
def test_whatever_the_desired_state_may_hold_compose_takes(program: tuple[str, ...], meant: dict[str, Service]) -> None:
    text = written(meant)
    assert parse_stack(text).services == meant
    said = ComposeConfig((program,)).says(text.encode())
    assert said.ok, said.detail


def test_what_is_no_desired_state_compose_never_sees(tmp_path: Path) -> None:
    compose = ComposeConfig((script(tmp_path, f"touch {tmp_path}/seen"),))
    said = compose.says(b"include: [https://example.invalid/compose.yaml]\n")
    assert said.ok is None
    assert "unknown key 'include'" in said.detail
    assert not (tmp_path / "seen").exists()


def test_a_complaint_is_told_in_its_own_words_and_once_for_each_file(tmp_path: Path) -> None:
    text = f"""echo >> {tmp_path}/calls
grep -q '"7"' "$4" || exit 0
echo "$4: services.a: no" >&2; exit 15"""
    compose = ComposeConfig((script(tmp_path, text),))
    good = b'services: {a: {mem_limit: 64m, environment: {A: "6"}}}\n'
    bad = b'services: {a: {mem_limit: 64m, environment: {A: "7"}}}\n'
    assert (compose.says(bad).ok, compose.says(bad).detail) == (False, f"{STACK}: services.a: no")
    assert (compose.says(good).ok, compose.says(good).ok) == (True, True)
    assert (tmp_path / "calls").read_text().count("\n") == 3, "a trial, and each file once"


@pytest.mark.parametrize(
    ("programs", "why"),
    [
        ((), "not asked: no docker compose here"),
        ((("no-such-compose",),), "not asked: no docker compose here"),
        ((("sh", "-c", "echo \"docker: 'compose' is not a command\" >&2; exit 1"),), "does not work here: docker: 'co"),
        ((("sh", "-c", "kill -9 $$"),), "does not work here"),
    ],
)
def test_where_no_compose_works_nothing_is_claimed(programs: tuple[tuple[str, ...], ...], why: str) -> None:
    said = ComposeConfig(programs).says(TRIAL)
    assert said.ok is None
    assert why in said.detail


def test_the_first_that_works_is_asked(tmp_path: Path) -> None:
    compose = ComposeConfig((("no-such-compose",), ("sh", "-c", "exit 125"), script(tmp_path, "exit 0")))
    assert compose.says(TRIAL).ok


def test_one_that_does_not_answer_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    said = ComposeConfig((script(tmp_path, f"sleep 600 & echo $! > {pid}; wait"),), within_s=1.0).says(TRIAL)
    assert (said.ok, "gave no answer in 1 s" in said.detail) == (None, True)
    wait_for(lambda: ended(int(pid.read_text())), 10, "its child is gone")


def ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE  # nobody may wait for what is nobody's child
    except psutil.NoSuchProcess:
        return True


def test_it_is_told_nothing_of_the_fleets_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_PERSONAL_ACCESS_TOKEN", "secret")
    told = tmp_path / "env"
    assert ComposeConfig((script(tmp_path, f"env > {told}"),)).says(TRIAL).ok
    environment = dict(line.split("=", 1) for line in told.read_text().splitlines())
    assert set(environment) <= {"PATH", "HOME", "LC_ALL", "PWD", "OLDPWD", "SHLVL", "_"}
    assert environment["HOME"] != os.environ.get("HOME")
