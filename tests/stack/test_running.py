"""What the running containers are, asked of dockerd and not of the file that they were made from."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from mission_control.roster import AGENTS, ROLES
from tests.stack.stack import PATIENTS, RealStack
from tests.waiting import wait_for

pytestmark = pytest.mark.timeout(300)


def inspected(stack: RealStack) -> dict[str, dict[str, Any]]:
    return {service: container.attrs for service, container in stack.containers().items()}


def test_the_engines_socket_is_in_the_fixer_and_in_the_reader_without_a_network_and_nowhere_else(
    stack: RealStack,
) -> None:
    seen = inspected(stack)
    holders = {name for name, found in seen.items() if any("docker.sock" in m["Source"] for m in found["Mounts"])}
    assert holders == {"fixer", "engine-reader"}
    assert seen["engine-reader"]["HostConfig"]["NetworkMode"] == "none"


def test_nothing_runs_as_root_or_writes_to_its_image(stack: RealStack) -> None:
    for name, found in inspected(stack).items():
        assert found["Config"]["User"].split(":")[0] not in ("", "0", "root"), name
        assert found["HostConfig"]["ReadonlyRootfs"], name
        assert found["HostConfig"]["CapDrop"] == ["ALL"], name
        assert found["HostConfig"]["Memory"], name


def test_each_worker_reads_its_own_key_and_finds_no_other(stack: RealStack) -> None:
    for role in ROLES:
        keys = stack.execute(role, "sh", "-c", "find /sre/keys -name '*.key' -readable")
        assert keys == (0, f"/sre/keys/{role}/{role}.key")
        for place in (f"/sre/keys/{role}", "/sre/fleet", "/app"):
            code, _ = stack.execute(role, "touch", f"{place}/x")
            assert code != 0


def test_the_lookers_cannot_restart_anything(stack: RealStack) -> None:
    program = (
        "import docker\nfrom docker.errors import APIError\n"
        "api = docker.APIClient(base_url='unix:///sre/engine/docker.sock', version='auto')\n"
        "assert api.inspect_container('policy-service')['Config']['Env'] == []\n"
        "try:\n    api.restart('policy-service')\nexcept APIError as no:\n    print(no.status_code)\n"
    )
    for looker in ("scout", "brain", "guardrail"):
        assert stack.execute(looker, "python", "-P", "-c", program) == (0, "403")


def test_every_port_is_published_on_the_loopback_address_only(stack: RealStack) -> None:
    bound = [
        binding["HostIp"]
        for found in inspected(stack).values()
        for bindings in (found["NetworkSettings"]["Ports"] or {}).values()
        for binding in bindings or ()
    ]
    assert bound
    assert set(bound) == {"127.0.0.1"}


def test_everything_is_there_and_patients_are_left_to_the_fixer(stack: RealStack) -> None:
    seen = inspected(stack)
    parts = {"kafka", "jaeger", "forge", "prometheus", "alertmanager", "engine-reader", "load", "keys", "seed"}
    assert set(seen) >= {*AGENTS, *PATIENTS, *parts}
    assert {seen[name]["HostConfig"]["RestartPolicy"]["Name"] for name in PATIENTS} == {"no"}


def test_prometheus_scrapes_every_patient_and_every_worker(stack: RealStack) -> None:
    url = f"http://127.0.0.1:{stack.ports['PROMETHEUS_PORT']}/api/v1/query"

    def up() -> set[str]:
        rows = requests.get(url, params={"query": "up == 1"}, timeout=5).json()["data"]["result"]
        return {row["metric"].get("worker") or row["metric"]["service"] for row in rows}

    wait_for(lambda: up() == {*AGENTS, *PATIENTS, "load"}, 60, "every target is up", 1.0)


def test_alertmanager_may_tell_scout_and_nobody_without_its_token(stack: RealStack) -> None:
    body = json.dumps({"version": "4", "status": "firing", "receiver": "scout", "groupKey": "x", "alerts": []})
    ask = f"wget -q -O - --post-data='{body}' --header='Content-Type: application/json' "
    token = '--header="Authorization: Bearer $(cat /run/secrets/sre_alert_token)" '
    where = "http://scout:9000/webhook/alert"
    assert stack.execute("alertmanager", "sh", "-c", ask + token + where)[0] == 0
    assert stack.execute("alertmanager", "sh", "-c", ask + where)[0] != 0
