"""What the running containers are, asked of dockerd and not of the file that they were made from."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import requests
from playwright.sync_api import expect

from mission_control.fleet.roster import AGENTS, ROLES
from tests.docs.pages import PAGES, given
from tests.stack.conftest import Open
from tests.stack.containers.stack import PATIENTS, RealStack
from tests.waiting import wait_for

pytestmark = pytest.mark.timeout(900)
INSIDE = sorted(
    {said for page in PAGES for said in re.findall(r"docker compose exec (\S+) ([^`#\n]+)", page.read_text("utf-8"))}
)
"""Service and command."""


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
    def up() -> set[str]:
        rows = stack.prometheus("query?query=up==1")["result"]
        return {row["metric"].get("worker") or row["metric"]["service"] for row in rows}

    wait_for(lambda: up() == {*AGENTS, *PATIENTS, "load"}, 60, "every target is up", 1.0)


def test_prometheus_has_rules_and_tells_the_alertmanager(stack: RealStack) -> None:
    assert {group["name"] for group in stack.prometheus("rules")["groups"]} >= {"slo-burn", "patients", "fleet"}
    told = stack.prometheus("alertmanagers")["activeAlertmanagers"]
    assert [one["url"] for one in told] == ["http://alertmanager:9093/api/v2/alerts"]


def test_alertmanager_may_tell_scout_and_nobody_without_its_token(stack: RealStack) -> None:
    body = json.dumps({"version": "4", "status": "firing", "receiver": "scout", "groupKey": "x", "alerts": []})
    ask = f"wget -q -O - --post-data='{body}' --header='Content-Type: application/json' "
    token = '--header="Authorization: Bearer $(cat /run/secrets/sre_alert_token)" '
    where = "http://scout:9000/webhook/alert"
    assert stack.execute("alertmanager", "sh", "-c", ask + token + where)[0] == 0
    assert stack.execute("alertmanager", "sh", "-c", ask + where)[0] != 0


@pytest.fixture(scope="module")
def healed(stack: RealStack) -> int:
    """An incident of these containers that is over."""
    stack.calm()
    known = stack.numbers()
    stack.inject("crash", "user-service")
    return stack.closed(stack.opened_for("user-service", known, 60), 90).number


@pytest.mark.usefixtures("healed")
def test_the_fleet_has_an_issue_of_its_own_that_says_who_is_heard(stack: RealStack) -> None:
    stack.await_board()
    assert stack.board() is not None


@pytest.mark.parametrize(("service", "words"), INSIDE)
def test_what_the_pages_have_people_run_in_a_container_runs(
    stack: RealStack, healed: int, service: str, words: str
) -> None:
    code, said = stack.execute(service, *given(words, {"1": str(healed)}))
    assert code == 0, said
    assert said


def test_the_dashboard_is_live_in_a_browser_and_every_link_on_it_opens_on_this_host(
    calm: RealStack, healed: int, visit: Open
) -> None:
    number = healed
    page = visit(f"{calm.run.dashboard}/", strict=True)
    expect(page.locator("#link")).to_have_attribute("data-link", "live")
    for role in ROLES:
        expect(page.locator("#fleet > [data-health=ok]", has_text=role)).to_have_count(1, timeout=60_000)
    expect(page.locator("#fleet > :not([data-health=ok])")).to_have_count(0)
    for name in PATIENTS:  # not the only ones: test_contracts has its own on this engine, gone within ten minutes
        heading = page.get_by_role("heading", name=name, exact=True)
        expect(page.locator("#services > [data-health=ok]", has=heading)).to_have_count(1, timeout=60_000)
    expect(page.locator(".banner")).to_have_count(0)
    linked = {page.get_attribute("#repo", "href")}
    page.click("#chips [name=all]")
    page.locator(f"#lane-{number} .open").click()
    expect(page.locator("#incident .log[data-what=facts] > li").last).to_contain_text("memory")
    links = page.locator("a[href^=http]")
    linked |= {link.get_attribute("href") for link in links.all()}
    assert len(linked) > 3, "the issue, its comments, the repository and a trace"
    for address in sorted(filter(None, linked)):
        assert requests.get(address, timeout=10).status_code == 200, address
    issue = calm.issue(number)
    assert issue["html_url"] in linked
    words = [issue["body"], *(comment["body"] for comment in calm.comments(number))]
    assert "http://forge:" not in "".join(words), "what the fleet writes is for people"
