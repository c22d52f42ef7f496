"""Programs of others find nothing in our workflows and forms, and find what is wrong in bad ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.workflows.checkers import schema, zizmor
from tests.workflows.files import FORMS, ROOT, files

BAD = """
on: issues
jobs:
  one:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: echo "${{ github.event.issue.title }}"
"""


def test_zizmor_has_nothing_to_say_about_the_workflows() -> None:
    done = zizmor(ROOT / ".github")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No findings to report" in done.stdout + done.stderr


def test_no_more_of_its_findings_are_set_aside_than_two_that_say_why() -> None:
    found = {file.name: re.findall(r"# zizmor: ignore\[([a-z-]+)\] \S", file.read_text()) for file in files()}
    assert {name: audits for name, audits in found.items() if audits} == {
        "deploy-infra.yml": ["self-hosted-runner"],
        "verify.yml": ["dangerous-triggers"],
    }
    assert sum(file.read_text().count("zizmor:") for file in files()) == 2


def test_zizmor_would_have_found_an_unpinned_action_and_an_interpolated_title(tmp_path: Path) -> None:
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    (folder / "bad.yml").write_text(BAD)
    done = zizmor(tmp_path)
    assert done.returncode != 0
    for audit in ("unpinned-uses", "template-injection", "artipacked", "excessive-permissions"):
        assert f"[{audit}]" in done.stdout, audit


@pytest.mark.parametrize("name", ["vendor.github-workflows", "custom.github-workflows-require-timeout"])
def test_the_workflows_fit_the_schema(name: str) -> None:
    done = schema(name, *files())
    assert done.returncode == 0, done.stdout


def test_the_schema_refuses_a_workflow_with_a_misspelt_key(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yml"
    bad.write_text(BAD.replace("runs-on", "run-on"))
    assert schema("vendor.github-workflows", bad).returncode == 1


def test_the_issue_forms_fit_their_schemas() -> None:
    config = FORMS / "config.yml"
    forms = [file for file in FORMS.iterdir() if file != config]
    assert forms
    assert schema("vendor.github-issue-forms", *forms).returncode == 0
    assert schema("vendor.github-issue-config", config).returncode == 0
