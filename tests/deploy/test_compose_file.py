"""The rules that docker-compose.yml keeps, read from the file itself."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from mission_control.fleet.roster import AGENTS, ROLES
from mission_control.settings import variables
from mission_control.world import patients
from shared.policy.model import parse_policy

ROOT: Final = Path(__file__).resolve().parents[2]
COMPOSE: Final[dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
STACK: Final[dict[str, Any]] = yaml.safe_load((ROOT / "deploy" / "stack.yaml").read_text(encoding="utf-8"))


def extended(service: dict[str, Any]) -> dict[str, Any]:
    """A service with what it takes from deploy/stack.yaml, merged as compose does: its own keys win."""
    if "extends" not in service:
        return service
    assert service["extends"]["file"] == "deploy/stack.yaml"
    base = STACK["services"][service["extends"]["service"]]
    return {**base, **service, "environment": {**base["environment"], **service["environment"]}}


SERVICES: Final[dict[str, dict[str, Any]]] = {name: extended(body) for name, body in COMPOSE["services"].items()}
ENV_EXAMPLE: Final = (ROOT / ".env.example").read_text(encoding="utf-8")


def mounts(service: str) -> dict[str, tuple[str, bool]]:
    """Target to (source, whether it is read-only) of one service's volumes."""
    found = {}
    for text in SERVICES[service].get("volumes", ()):
        source, target, *mode = re.sub(r"\$\{[^}]*:-([^}]*)\}", r"\1", text).split(":")
        found[target] = (source, mode == ["ro"])
    return found


def test_only_the_fixer_gets_the_engines_socket_and_the_reader_that_has_no_network() -> None:
    with_socket = {name for name in SERVICES if any("docker.sock" in source for source, _ in mounts(name).values())}
    assert with_socket == {"fixer", "engine-reader"}
    assert SERVICES["engine-reader"]["network_mode"] == "none"
    assert "ports" not in SERVICES["engine-reader"]
    for looker in ("scout", "brain", "guardrail"):
        assert SERVICES[looker]["environment"]["DOCKER_HOST"] == "unix:///sre/engine/docker.sock"
        assert mounts(looker)["/sre/engine"] == ("engine", True)
    for name in set(SERVICES) - {"scout", "brain", "guardrail", "engine-reader"}:
        assert "/sre/engine" not in mounts(name), name


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_container_is_read_only_without_capabilities_bounded_and_not_root(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert "privileged" not in service
    own_image = service["image"].startswith(("sre-space/fleet:", "apache/kafka:"))  # both end with a USER of their own
    assert own_image or service["user"].partition(":")[0] not in ("", "0", "root")


def test_the_fleets_image_does_not_run_as_root() -> None:
    users = re.findall(r"^USER (\S+)$", (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert users == ["10001:10001"]


def test_each_worker_mounts_its_own_key_and_no_other() -> None:
    for role in ROLES:
        keys = {target: found for target, found in mounts(role).items() if target.startswith("/sre/keys")}
        assert keys == {f"/sre/keys/{role}": (f"key-{role}", True)}
        assert SERVICES[role]["environment"]["SRE_KEY"] == f"/sre/keys/{role}/{role}.key"
    for name in set(SERVICES) - {*ROLES, "keys"}:
        assert not [target for target in mounts(name) if target.startswith("/sre/keys")], name


def test_the_dashboard_has_no_key_no_engine_and_nothing_to_write_to_but_the_shared_budget() -> None:
    found = mounts("dashboard")
    assert found.pop("/sre/state/budget") == ("budget", False)
    assert all(read_only for _, read_only in found.values())
    assert not [target for target in found if "docker" in target or "keys" in target or "engine" in target]
    assert not {"SRE_KEY", "DOCKER_HOST"} & set(SERVICES["dashboard"]["environment"])
    assert SERVICES["dashboard"]["ports"] == ["127.0.0.1:${DASHBOARD_PORT:-3001}:9000"]


def test_every_worker_has_the_policy_the_keyring_and_the_made_settings_and_cannot_change_them() -> None:
    for agent in AGENTS:
        found = mounts(agent)
        assert found["/sre/fleet"] == ("fleet", True)
        assert found[SERVICES[agent]["environment"]["SRE_POLICY"]][1]


def test_every_port_is_on_the_loopback_address() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) >= {"forge", "jaeger", "frontend"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)


def test_every_image_is_pinned_and_every_volume_is_named() -> None:
    for name, service in SERVICES.items():
        _, colon, tag = service["image"].partition(":")
        assert colon, name
        assert re.match(r"v?\d", tag), name
    used = {source for name in SERVICES for source, _ in mounts(name).values() if not source.startswith((".", "/"))}
    assert used == set(COMPOSE["volumes"])


def test_long_running_services_have_a_health_check_and_wait_for_what_they_need() -> None:
    for name, service in SERVICES.items():
        if service["restart"] == "no" and name in ("keys", "seed"):
            continue
        assert "healthcheck" in service or name == "chroma", name
    for agent in AGENTS:
        needs = {name: how["condition"] for name, how in SERVICES[agent]["depends_on"].items()}
        assert needs.items() >= {"seed": "service_completed_successfully", "kafka": "service_healthy"}.items()


def test_what_the_policy_lists_is_exactly_what_is_labelled_and_only_the_fixer_restarts_it() -> None:
    managed = {
        service.get("container_name", name)
        for name, service in SERVICES.items()
        if service.get("labels", {}).get("sre-space.managed") == "true"
    }
    policy = parse_policy((ROOT / "deploy" / "policy.yaml").read_text(encoding="utf-8"))
    assert managed == set(policy.services)
    assert {SERVICES[name]["restart"] for name in managed} == {"no"}
    assert all(SERVICES[name]["labels"]["sre-space.health-url"].startswith(f"http://{name}:") for name in managed)


def test_the_environment_example_names_every_variable_of_the_file_and_no_others() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    used = set(re.findall(r"\$\{([A-Z0-9_]+)", text))
    named = set(re.findall(r"^#?([A-Z0-9_]+)=", ENV_EXAMPLE, re.MULTILINE))
    assert named == used
    for name, default in re.findall(r"\$\{([A-Z_]+):-([^}]*)\}", text):
        assert re.search(rf"^#?{name}={re.escape(default)}$", ENV_EXAMPLE, re.MULTILINE) or default == "", name


def test_brain_alone_is_told_of_a_language_model() -> None:
    told = {
        name
        for name, service in SERVICES.items()
        if {"SRE_MODEL", "OPENAI_API_KEY"} & set(service.get("environment", ()))
    }
    assert told == {"brain"}
    asked = {name for name in variables().values() if name.startswith(("SRE_MODEL", "OPENAI_"))}
    assert asked <= set(SERVICES["brain"]["environment"])


def test_workers_are_told_only_what_the_settings_know() -> None:
    known = {*variables().values(), "SRE_SETTINGS_DIR"}
    for agent in AGENTS:
        assert set(SERVICES[agent]["environment"]) <= known


def test_what_is_copied_into_the_image_is_in_its_context() -> None:
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    allowed = {
        line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] == "!"
    }
    copied = {
        source for line in re.findall(r"^COPY (?!--from)(.*) \S+$", dockerfile, re.MULTILINE) for source in line.split()
    }
    assert copied == allowed
    assert all((ROOT / path).exists() for path in allowed)


def test_the_scripts_are_sound_shell() -> None:
    for script in (ROOT / "deploy" / "local").rglob("*.sh"):
        assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0, script


def test_the_stack_file_holds_the_levers_of_exactly_the_managed_services_and_nothing_else_says_them() -> None:
    assert set(STACK) == {"services"}
    assert set(STACK["services"]) == {name for name, service in COMPOSE["services"].items() if "extends" in service}
    assert set(STACK["services"]) == set(patients.SERVICES)
    for name, base in STACK["services"].items():
        own = COMPOSE["services"][name]
        assert own["extends"] == {"file": "deploy/stack.yaml", "service": name}
        assert not {"mem_limit", "memswap_limit", "deploy"} & set(own)
        assert own["mem_swappiness"] == 0, "swap would make a leak slow instead of dead"
        assert not set(base["environment"]) & set(own["environment"])
        assert set(base) <= {"image", "mem_limit", "environment", "deploy"}


def composes() -> list[tuple[str, ...]]:
    """docker-compose where this machine has it, and the program that SRE_TEST_COMPOSE names."""
    paths = (shutil.which("docker-compose"), os.environ.get("SRE_TEST_COMPOSE"))
    return [(path,) for path in paths if path]


@pytest.mark.parametrize("program", composes(), ids=lambda program: Path(program[0]).name)
def test_each_compose_program_understands_the_file_and_takes_the_levers_from_the_stack(
    program: tuple[str, ...], tmp_path: Path
) -> None:
    for file in ("docker-compose.yml", "deploy/stack.yaml"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        text = (ROOT / file).read_text(encoding="utf-8")
        (tmp_path / file).write_text(text.replace('"1.8"', '"1.25"').replace("limit: 192m", "limit: 200m"))
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = subprocess.run(
        [*program, "config"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=50
    )
    assert done.returncode == 0, done.stderr
    policy = yaml.safe_load(done.stdout)["services"]["policy-service"]
    assert policy["environment"]["MAX_RISK_FACTOR"] == "1.25"
    assert policy["environment"]["PORT"] == "8003"
    assert str(policy["mem_limit"]) in ("200m", str(200 * 1024 * 1024))
