"""The desired state: what it may say, and what a person is told where it says something else."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import given

from shared.gitops.stack import BadStack, Service, Stack, parse_stack
from tests.gitops.samples import STATE, states


def state(service: str) -> str:
    return "services:\n  policy-service:\n" + "".join(f"    {line}\n" for line in service.splitlines())


def test_the_sample_reads_as_it_is_meant() -> None:
    assert parse_stack(STATE) == Stack(
        services={
            "policy-service": Service(
                image="sre-space/policy-service:0.1.0",
                memory_mib=192,
                environment={"MAX_RISK_FACTOR": "1.8", "FEATURE_INSTANT_QUOTES": "on"},
            ),
            "quote-service": Service(memory_mib=256, environment={"PRICE_FACTOR": "1.0"}),
            "frontend": Service(memory_mib=1024),
        }
    )


def test_bytes_and_text_read_alike() -> None:
    assert parse_stack(STATE.encode()) == parse_stack(STATE)


@pytest.mark.parametrize(
    ("name", "text", "line", "told"),
    [
        ("nothing", "", 1, "empty"),
        ("only a comment", "# services\n", 1, "empty"),
        ("a list", "- services\n", 1, "mapping"),
        ("a scalar", "services\n", 1, "mapping"),
        ("another top key", "version: '3'\nservices: {}\n", 1, "version"),
        ("no services", "services: {}\n", 1, "between 1 and 100"),
        ("services without a value", "services:\n", 1, "mapping"),
        ("a service without a value", "services:\n  a:\n", 2, "mapping"),
        ("a list of services", "services:\n  - a\n", 2, "mapping"),
        ("two documents", STATE + "---\nservices: {}\n", None, "not YAML"),
        ("broken YAML", "services: {a: [\n", None, "not YAML"),
        ("a duplicate service", "services:\n  a: {mem_limit: 64m}\n  a: {mem_limit: 64m}\n", 3, "twice"),
        ("a duplicate lever", state("mem_limit: 64m\nmem_limit: 128m"), 4, "twice"),
        ("a duplicate setting", state('mem_limit: 64m\nenvironment: {A: "1", A: "2"}'), 4, "twice"),
        ("a duplicate in other quotes", state('mem_limit: 64m\nenvironment: {A: "1", "A": "2"}'), 4, "twice"),
        ("an anchor", state("mem_limit: &m 64m"), 3, "anchors"),
        ("an alias", state("mem_limit: &m 64m\nimage: *m"), 3, "anchors"),
        ("a merge", "x: &x {mem_limit: 64m}\nservices: {a: {<<: *x}}\n", 1, "anchors"),
        ("a tag", state("mem_limit: !!str 64m"), 3, "tag"),
        ("a tag of compose", state("mem_limit: 64m\nenvironment: !reset {}"), 4, "tag"),
        ("a directive", "%YAML 1.1\n---\nservices: {a: {mem_limit: 64m}}\n", None, "directive"),
        ("a block text", state('mem_limit: 64m\nenvironment:\n  A: |\n    "1"'), 5, "several lines"),
        ("a folded value", state('mem_limit: 64m\nenvironment:\n  A: "1\n  2"'), 5, "several lines"),
        ("a question mark", state("? mem_limit\n: 64m"), 3, "?"),
        ("NUL", STATE.replace("192m", "192\0m"), 6, "U+0000"),
        ("a tab", state("mem_limit:\t64m"), 3, "spaces"),
        ("Windows line ends", STATE.replace("\n", "\r\n"), 1, "Unix line ends"),
        ("a byte order mark", "\ufeff" + STATE, 1, "U+FEFF"),
        ("a hidden direction mark", STATE.replace("# who", "# \u202ewho"), 3, "U+202E"),
        ("a Unicode line end", STATE.replace("# who", "# \u2028who"), 3, "U+2028"),
        ("an unknown lever", state("mem_limit: 64m\nprivileged: true"), 4, "privileged"),
        ("a command", state("mem_limit: 64m\ncommand: [sh]"), 4, "command"),
        ("no limit", state("image: a:1"), 3, "mem_limit"),
        ("a limit in bytes", state("mem_limit: 201326592"), 3, "192m"),
        ("a limit in Mi", state("mem_limit: 192Mi"), 3, "192m"),
        ("a limit in MB", state("mem_limit: 192MB"), 3, "192m"),
        ("a limit in capitals", state("mem_limit: 192M"), 3, "192m"),
        ("a limit with a fraction", state("mem_limit: 1.5g"), 3, "192m"),
        ("a negative limit", state("mem_limit: -1"), 3, "192m"),
        ("a limit with a leading zero", state("mem_limit: 0192m"), 3, "192m"),
        ("too little", state("mem_limit: 8m"), 3, "between"),
        ("too much", state("mem_limit: 65g"), 3, "between"),
        ("another swap limit", state("mem_limit: 64m\nmemswap_limit: 128m"), 4, "equal"),
        ("a list of settings", state("mem_limit: 64m\nenvironment: [A=1]"), 4, "mapping"),
        ("an unquoted number", state("mem_limit: 64m\nenvironment: {A: 1.8}"), 4, 'write "1.8"'),
        ("an unquoted on", state("mem_limit: 64m\nenvironment: {FEATURE_A: on}"), 4, 'write "on"'),
        ("an unquoted y", state("mem_limit: 64m\nenvironment: {A: y}"), 4, 'write "y"'),
        ("an unquoted true", state("mem_limit: 64m\nenvironment: {A: true}"), 4, 'write "true"'),
        ("an octal of YAML 1.2", state("mem_limit: 64m\nenvironment: {A: 0o17}"), 4, "quotes"),
        ("a float of YAML 1.2", state("mem_limit: 64m\nenvironment: {A: 1e3}"), 4, "quotes"),
        ("base sixty", state("mem_limit: 64m\nenvironment: {A: 1:30}"), 4, "quotes"),
        ("a date", state("mem_limit: 64m\nenvironment: {A: 2026-01-01}"), 4, "quotes"),
        ("no value", state("mem_limit: 64m\nenvironment: {A: }"), 4, "quotes"),
        ("a tilde", state("mem_limit: 64m\nenvironment: {A: ~}"), 4, "quotes"),
        ("a value that is a mapping", state("mem_limit: 64m\nenvironment: {A: {B: c}}"), 4, "one value"),
        ("a variable of whoever runs compose", state('mem_limit: 64m\nenvironment: {A: "${B}"}'), 4, "$$"),
        ("three dollars", state('mem_limit: 64m\nenvironment: {A: "$$$"}'), 4, "$$"),
        ("a letter that looks alike", state('mem_limit: 64m\nenvironment: {\u0410: "1"}'), 4, "capital letters"),
        ("a small key", state('mem_limit: 64m\nenvironment: {a: "1"}'), 4, "capital letters"),
        ("a key that is a boolean", state('mem_limit: 64m\nenvironment: {ON: "1"}'), 4, "quotes"),
        ("a value beyond ASCII", state('mem_limit: 64m\nenvironment: {A: "1\u2025"}'), 4, "ASCII"),
        ("a long value", state(f'mem_limit: 64m\nenvironment: {{A: "{"x" * 201}"}}'), 4, "200"),
        ("a flag that is neither", state('mem_limit: 64m\nenvironment: {FEATURE_A: "true"}'), 4, "on"),
        ("a preloaded library", state('mem_limit: 64m\nenvironment: {LD_PRELOAD: "/x.so"}'), 4, "load"),
        ("a module path", state('mem_limit: 64m\nenvironment: {PYTHONPATH: "/x"}'), 4, "load"),
        ("a proxy", state('mem_limit: 64m\nenvironment: {HTTPS_PROXY: "http://x"}'), 4, "load"),
        ("quoted replicas", state('mem_limit: 64m\ndeploy: {replicas: "1"}'), 4, "without quotes"),
        ("too many replicas", state("mem_limit: 64m\ndeploy: {replicas: 101}"), 4, "100"),
        ("octal replicas", state("mem_limit: 64m\ndeploy: {replicas: 010}"), 4, "whole number"),
        ("an empty deploy", state("mem_limit: 64m\ndeploy: {}"), 4, "replicas"),
        ("resources in deploy", state("mem_limit: 64m\ndeploy: {resources: {}}"), 4, "resources"),
        ("an image with a variable", state('mem_limit: 64m\nimage: "a:${TAG}"'), 4, "$$"),
        ("an image with a space", state('mem_limit: 64m\nimage: "a b"'), 4, "name:tag"),
        ("a service name with a slash", "services:\n  ../a: {mem_limit: 64m}\n", 2, "service name"),
        ("a service name that looks alike", "services:\n  p\u043elicy: {mem_limit: 64m}\n", 2, "service name"),
        ("a service name that is a number", "services:\n  1: {mem_limit: 64m}\n", 2, "quotes"),
        ("a service name that is a mapping", "services:\n  {a: b}: {mem_limit: 64m}\n", 2, "word"),
        ("nested too deep", "services: " + "{a: " * 3000 + "}" * 3000, 1, "deep"),
        ("a huge file", STATE + "#" * 70_000, 1, "bytes"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 40 and "\n" not in value else "",
)
def test_what_can_be_read_in_two_ways_is_refused_with_its_line(
    name: str, text: str, line: int | None, told: str
) -> None:
    with pytest.raises(BadStack) as refused:
        parse_stack(text)
    assert told in refused.value.reason, name
    assert line in (None, refused.value.line), name
    assert str(refused.value).isprintable()


def test_bytes_that_are_not_utf_8_are_refused_with_the_line() -> None:
    with pytest.raises(BadStack, match="line 2: not UTF-8"):
        parse_stack(b"services:\n  \xff: {}\n")


@given(states())
def test_every_style_is_read(text: str) -> None:
    assert parse_stack(text).services


@given(states())
def test_a_yaml_reader_of_another_kind_reads_the_same(text: str) -> None:
    plain = yaml.safe_load(text)["services"]
    for name, service in parse_stack(text).services.items():
        said = {key: value.replace("$$", "$") for key, value in plain[name].get("environment", {}).items()}
        assert service.environment == said
        assert service.replicas == plain[name].get("deploy", {}).get("replicas", 1)


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="no docker-compose here")
def test_docker_compose_reads_the_same(tmp_path: Path) -> None:
    text = STATE.replace('"1.8"', '"1.8 $$x \\" \\\\"').replace("sre-space/", "")
    names = list(parse_stack(text).services)
    (tmp_path / "stack.yaml").write_text(text)
    whole = {name: {"extends": {"file": "stack.yaml", "service": name}, "command": ["true"]} for name in names}
    for name in names[1:]:
        whole[name]["image"] = "fallback"
    (tmp_path / "docker-compose.yml").write_text(yaml.safe_dump({"services": whole}))
    command = ["docker-compose", "config"]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=50, check=True)
    theirs = yaml.safe_load(told.stdout)["services"]
    for name, service in parse_stack(text).services.items():
        said = theirs[name].get("environment", {})
        assert {key: value.replace("$$", "$") for key, value in said.items()} == service.environment
        assert theirs[name]["image"] == (service.image or "fallback")
        assert theirs[name].get("deploy", {"replicas": 1})["replicas"] == service.replicas
        assert theirs[name]["mem_limit"] in (f"{service.memory_mib}m", f"{service.memory_mib // 1024}g")


@given(states(), states())
def test_whatever_is_spliced_together_is_read_or_refused_and_never_crashes(one: str, other: str) -> None:
    text = one[: len(one) // 2] + other[len(other) // 2 :]
    with suppress(BadStack):
        parse_stack(text)
