"""What the workflows may do, when they run, and that they call nothing but commands that exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main
import yaml
from typer.core import TyperGroup
from typer.exceptions import TyperException

from mission_control.cli import app
from mission_control.workflows.labels import FILE, as_yaml
from shared.incident.labels import AUTO_FIX, AUTO_MERGED, FREEZE, HOLD, INCIDENT, JULES_FIX, PULSE, REPORT, SILENT
from tests.workflows.files import FORMS, Step, jobs, steps, workflows

ALLOWED = {
    ("ci.yml", "gate"): {"contents": "read"},
    ("deploy-infra.yml", "deploy"): {"contents": "read", "statuses": "write"},
    ("labels.yml", "sync"): {"contents": "read", "issues": "write"},
    ("tier3.yml", "escalate"): {"contents": "read"},
    ("verify.yml", "prove"): {"contents": "read", "issues": "read", "pull-requests": "read", "statuses": "write"},
    ("watchdog.yml", "listen"): {"contents": "read", "issues": "write"},
}
CALL = re.compile(r"(?:\./mission-control\.sh|python3? -m mission_control)\s+(.+)")
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")
STAND_INS = {"GITHUB_SHA": "0" * 40, "NUMBER": "7", "GITHUB_EVENT_PATH": "/event.json"}
"""What the variables on those lines hold, where a workflow runs."""


def calls() -> Iterator[tuple[Step, list[str]]]:
    """Every call of the package, with its words as bash would split them."""
    for step in steps():
        for line in step.body.get("run", "").splitlines():
            if match := CALL.search(line):
                words = re.sub(r"\$\{?(\w+)\}?", lambda name: STAND_INS[name[1]], match[1])
                yield step, shlex.split(words)


def parsed(words: list[str]) -> dict[str, Any]:
    """What the command line makes of these words. Raises TyperException for what it does not know."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    command = group.get_command(typer.Context(group), words[0])
    if command is None:
        raise typer.BadParameter(f"no command {words[0]}")
    with command.make_context(words[0], words[1:]) as context:
        return dict(context.params)


def test_every_call_of_the_package_is_a_command_that_takes_these_options() -> None:
    called = [(step.workflow, words, parsed(words)) for step, words in calls()]
    assert [(workflow, " ".join(words)) for workflow, words, _ in called] == [
        ("ci.yml", "check"),
        ("ci.yml", "test"),
        ("deploy-infra.yml", f"deploy --compose --ref {'0' * 40}"),
        ("labels.yml", "labels"),
        ("labels.yml", "labels --sync"),
        ("tier3.yml", "escalate --issue 7"),
        ("tier3.yml", "escalate --sweep"),
        ("verify.yml", "verify-comment /event.json"),
        ("watchdog.yml", "watchdog"),
    ]
    assert called[2][2]["compose"] is True
    assert called[5][2]["issue"] == [7]


@pytest.mark.parametrize(
    "words", [["escalate", "--all"], ["deploy", "--ref"], ["relabel"], ["escalate", "--issue", "x"]]
)
def test_a_call_that_does_not_exist_would_be_found(words: list[str]) -> None:
    with pytest.raises(TyperException):
        parsed(words)


def test_each_job_may_do_what_it_needs_and_no_more() -> None:
    assert {(workflow, job): body["permissions"] for workflow, job, body in jobs()} == ALLOWED
    assert all(content["permissions"] == {} for content in workflows().values())


def test_nothing_is_put_into_a_script_but_by_its_environment() -> None:
    for step in steps():
        assert "${{" not in step.body.get("run", ""), step


def test_of_an_event_only_the_number_of_its_issue_reaches_a_script() -> None:
    known = re.compile(r"\$\{\{ (github\.token|secrets\.[A-Z0-9_]+|vars\.[A-Z0-9_]+|github\.event\.issue\.number) \}\}")
    for step in steps():
        for value in step.body.get("env", {}).values():
            assert known.fullmatch(value), (step.workflow, value)


def test_secrets_reach_only_the_job_whose_environment_holds_them() -> None:
    for workflow, job, body in jobs():
        if "secrets." in yaml.safe_dump(body):
            assert (workflow, job, body.get("environment")) == ("tier3.yml", "escalate", "tier3")


def test_no_event_runs_a_strangers_code_with_rights() -> None:
    events = {name: set(content["on"]) for name, content in workflows().items()}
    assert events == {
        "ci.yml": {"push", "pull_request", "workflow_dispatch"},
        "deploy-infra.yml": {"push"},
        "labels.yml": {"push", "workflow_dispatch"},
        "tier3.yml": {"issues", "schedule", "workflow_dispatch"},
        "verify.yml": {"issue_comment"},
        "watchdog.yml": {"schedule", "workflow_dispatch"},
    }
    assert workflows()["tier3.yml"]["on"]["issues"] == {"types": ["labeled"]}
    assert workflows()["verify.yml"]["on"]["issue_comment"] == {"types": ["created"]}
    for name in ("ci.yml", "deploy-infra.yml", "labels.yml"):
        assert workflows()[name]["on"]["push"]["branches"] == ["main"]


def test_the_sweep_is_daily_at_five_and_the_watchdog_listens_every_quarter_of_an_hour() -> None:
    assert workflows()["tier3.yml"]["on"]["schedule"] == [{"cron": "0 5 * * *"}]
    assert workflows()["watchdog.yml"]["on"]["schedule"] == [{"cron": "7-59/15 * * * *"}]


def test_a_deploy_starts_when_the_desired_state_or_a_services_source_changes_and_none_is_cut_off() -> None:
    deploy = workflows()["deploy-infra.yml"]
    assert deploy["on"]["push"]["paths"] == ["deploy/stack.yaml", "protected_services/**"]
    assert deploy["concurrency"] == {"group": "deploy-infra", "cancel-in-progress": False}
    assert deploy["jobs"]["deploy"]["runs-on"] == ["self-hosted", "sre-space"]


def test_only_ci_cancels_what_runs_and_only_for_a_pull_request() -> None:
    for name, content in workflows().items():
        cancels = content["concurrency"]["cancel-in-progress"]
        assert cancels == ("${{ github.event_name == 'pull_request' }}" if name == "ci.yml" else False)


def test_two_labels_or_comments_at_once_are_two_runs() -> None:
    """Of several runs that wait in one group GitHub keeps the newest: one group for all would lose an issue, and one a
    pull request would lose what was asked for to the next "thank you"."""
    assert "github.event.issue.number" in workflows()["tier3.yml"]["concurrency"]["group"]
    assert "github.event.comment.id" in workflows()["verify.yml"]["concurrency"]["group"]


def test_no_runner_is_started_for_a_strangers_comment_nor_for_one_on_an_issue() -> None:
    condition = workflows()["verify.yml"]["jobs"]["prove"]["if"]
    assert "&& github.event.issue.pull_request &&" in condition
    trusted = '["OWNER", "MEMBER", "COLLABORATOR"]'
    assert condition.endswith(f"&& contains(fromJSON('{trusted}'), github.event.comment.author_association)")


def test_nothing_needs_a_fleet_where_there_is_none() -> None:
    for workflow, job, body in jobs():
        idle = workflow not in ("ci.yml", "labels.yml")
        assert body.get("if", "").startswith("vars.SRE_SPACE == 'on'") == idle, (workflow, job)


def test_every_job_ends_and_every_action_would_be_pinned_by_its_commit() -> None:
    for _, _, body in jobs():
        assert 0 < body["timeout-minutes"] <= 45
    for step in steps():
        if "uses" in step.body:
            assert PINNED.fullmatch(step.body["uses"]), step


def test_every_job_fetches_its_commit_in_the_same_way() -> None:
    first = [body["steps"][0] for _, _, body in jobs()]
    assert all(step == first[0] for step in first)


def test_a_form_sets_no_label_that_the_fleet_acts_on() -> None:
    """A form's labels are set for everybody who fills it in, whatever they may do."""
    for form in FORMS.glob("*.yml"):
        labels = yaml.safe_load(form.read_text(encoding="utf-8")).get("labels", [])
        assert set(labels) <= {REPORT}
    assert REPORT not in {INCIDENT, JULES_FIX, HOLD, FREEZE}


def test_the_label_file_is_the_catalogue() -> None:
    assert FILE.read_text(encoding="utf-8") == as_yaml(), "./mission-control.sh labels --yaml > deploy/labels.yaml"


def test_the_catalogue_has_the_labels_of_pull_requests_and_of_the_watchdog() -> None:
    names = {row["name"] for row in yaml.safe_load(as_yaml())}
    assert {AUTO_FIX, AUTO_MERGED, PULSE, SILENT, REPORT} <= names
