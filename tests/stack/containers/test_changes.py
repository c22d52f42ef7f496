"""A bad commit in real containers: seen, reverted by a pull request that a Docker sandbox proved, and deployed."""

from __future__ import annotations

import time

import pytest

from mission_control.deployer.compose import IMAGE
from mission_control.world.as_developer import STACK, value_in
from mission_control.world.patients import SERVICES
from shared.incident.change import RevertCommit
from shared.incident.facts import Deployed, Diagnosed, Merged, Proved, Verified
from tests.scenario.changes import file_on_main, pulls, said, statuses
from tests.stack.containers.stack import PATIENTS, RealStack
from tests.waiting import wait_for

pytestmark = [pytest.mark.timeout(900)]

WARM = 60
HEALED_WITHIN = 240.0


def test_a_bad_commit_is_proved_in_a_container_reverted_and_composed_again(calm: RealStack) -> None:
    known = calm.numbers()
    with calm.deployer():
        wait_for(lambda: runs_the_head(calm) and calm.sold() > WARM, 180, "it is deployed and sells", every=1.0)
        since = time.time()
        told = calm.committed("conversion")
        number = calm.opened_for("policy-service", known, 120)
        incident = calm.closed(number, HEALED_WITHIN)
    (diagnosed,) = said(incident, Diagnosed)
    assert isinstance(diagnosed.directive.change, RevertCommit)
    assert diagnosed.directive.change.commit == told["commit"]
    (proved,), (merged,), (deployed,) = said(incident, Proved), said(incident, Merged), said(incident, Deployed)
    assert proved.verdict == "proved"
    assert all("container" in check.detail for check in proved.checks if check.name.endswith(("red", "green")))
    assert merged.merge_sha == deployed.sha
    assert [v.outcome for v in said(incident, Verified)] == ["healthy"]
    (pull,) = pulls(calm)
    assert statuses(calm, pull["merge_commit_sha"])["sre-space/deploy"] == "success"
    assert value_in(file_on_main(calm, STACK), "policy-service", "MAX_RISK_FACTOR") == "1.8"
    environment = calm.container("policy-service").attrs["Config"]["Env"]
    assert "MAX_RISK_FACTOR=1.8" in environment
    calm.every_restart_was_directed(known, since)
    anew = set(PATIENTS) & set(calm.starts(since)) - set(calm.restarts(since))
    assert anew == {"policy-service"}, "what was deployed, and nothing else"
    assert (incident.rejected, incident.gaps) == ((), ())
    images = {tag for image in calm.client.images.list(IMAGE) for tag in image.tags}
    assert images == {calm.container(name).attrs["Config"]["Image"] for name in SERVICES}, "those of the past are gone"


def runs_the_head(stack: RealStack) -> bool:
    """Whether the default branch is what runs."""
    head = stack.repository().call("GET", "/commits/main").json()["sha"]
    return statuses(stack, head).get("sre-space/deploy") == "success"
