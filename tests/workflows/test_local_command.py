"""A local command of Tier 3 with everything real but GitHub: its checkout, its sandbox, its pull request, its proof."""

from __future__ import annotations

import shutil

import pytest

from mission_control.workflows.once import stepped
from tests.waiting import wait_for
from tests.workflows.conftest import World
from tests.workflows.test_verify import BAD, CODE, GOOD, REPRODUCTION, put

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="no bubblewrap here")
EDIT = f"""
import pathlib, sys
assert 'Service: policy-service' in sys.argv[1]
file = pathlib.Path('{CODE}')
file.write_text(file.read_text().replace('None', '100'))
print('the list is bounded')
"""


@pytest.fixture(scope="module")
def number(world: World) -> int:
    """An incident of a repository that was well, handed on by a person."""
    for path, text in (("deploy/reproduction.py", REPRODUCTION), (CODE, GOOD), (CODE, BAD)):
        put(world, path, text)
    made = world.incident("oom")
    world.label("olivia", made)
    return made


def escalate(world: World, number: int) -> list[str]:
    """A new process of Escalation takes its step; the kinds of facts that stand on the issue then."""
    command = f'python3 -c "{EDIT}" {{prompt}}'
    settings = world.settings("sre-fleet", tier3=("command", "human"), tier3_command=command)
    assert all(told.ok for told in stepped("escalation", settings, lambda _: (number,)))
    kinds = ("escalated", "dispatched", "proposed", "proved", "returned", "stuck")
    return [kind for text in world.comments(number) for kind in kinds if f'"kind":"{kind}"' in text]


def test_what_it_changed_is_a_proved_pull_request_by_the_fleet(world: World, number: int) -> None:
    head = world.call("olivia", "GET", "/git/ref/heads/main")["object"]["sha"]
    kinds = wait_for(lambda: (told := escalate(world, number))[-1] in ("proved", "returned", "stuck") and told, 60)
    assert kinds == ["escalated", "dispatched", "proposed", "proved"], world.comments(number)[-1]
    [pull] = world.call("olivia", "GET", "/pulls?state=all")
    assert (pull["user"]["login"], pull["base"]["ref"], pull["state"]) == ("sre-fleet", "main", "open")
    assert pull["head"]["ref"] == f"sre-space/incident-{number}-command-t1"
    assert [label["name"] for label in pull["labels"]] == ["sre-auto-fix"]
    assert "a local command that this fleet ran" in pull["body"]
    [changed] = world.call("olivia", "GET", f"/pulls/{pull['number']}/files")
    assert (changed["filename"], changed["additions"], changed["deletions"]) == (CODE, 1, 1)
    commit = world.call("olivia", "GET", f"/commits/{pull['head']['sha']}")
    assert [parent["sha"] for parent in commit["parents"]] == [head]
    said = world.call("olivia", "GET", f"/commits/{pull['head']['sha']}/statuses")
    assert {s["context"]: s["state"] for s in said} == {
        f"sre-space/{name}": "success" for name in ("sound", "base-is-red", "head-is-green")
    }
    assert escalate(world, number) == kinds, "another process adds nothing"
    assert len(world.call("olivia", "GET", "/pulls?state=all")) == 1
