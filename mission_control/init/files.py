"""What `init` puts into a repository, as text: pure, from a few answers and this copy's own files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import jinja2

from mission_control.settings import REPOSITORY_ROOT
from mission_control.workflows.labels import as_yaml
from shared.policy.model import parse_policy
from shared.recall.grants import POLICY

KEYRING: Final = "deploy/keys.toml"
LABELS: Final = "deploy/labels.yaml"
FORM: Final = ".github/ISSUE_TEMPLATE/incident.yml"
FORMS: Final = ".github/ISSUE_TEMPLATE/config.yml"
WATCHDOG: Final = ".github/workflows/watchdog.yml"
SYNC: Final = ".github/workflows/labels.yml"
MEANS: Final = {
    POLICY: "what the fleet may do; whatever is not listed is denied",
    KEYRING: "the fleet's public keys: a comment is a fact only when one of these signed it",
    LABELS: "every label of the fleet, with colour and description",
    FORM: "a form for people who see something wrong; people read it, the fleet does not",
    FORMS: "leaves blank issues possible: one labelled `sre:freeze` stops the fleet",
    WATCHDOG: "opens an issue when the fleet is not heard any more",
    SYNC: "makes the labels as the file has them",
}
"""Every file, and what it is for."""
_HERE: Final = '"$GITHUB_SERVER_URL/$GITHUB_REPOSITORY.git" "$GITHUB_SHA"'
_ON: Final = "    if: vars.SRE_SPACE == 'on'\n"
_TEMPLATES: Final = jinja2.Environment(  # noqa: S701 - YAML and Markdown from checked names, no HTML
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    undefined=jinja2.StrictUndefined,
    keep_trailing_newline=True,
)


@dataclass(frozen=True, slots=True)
class Program:
    """Where workflows fetch the fleet's program: `owner/name` on the same server, and the commit."""

    repo: str
    sha: str


def files(services: tuple[str, ...], keyring: str, program: Program | None) -> dict[str, str]:
    """Path to text. `services`: names that a policy may hold; without `program` there are no workflows.

    Raises ValueError when a name cannot stand in a policy.
    """
    policy = _TEMPLATES.get_template("policy.yaml").render(services=services)
    parse_policy(policy)
    made = {POLICY: policy, KEYRING: keyring, LABELS: as_yaml(), FORM: _form(services), FORMS: _own(FORMS)}
    if program is not None:
        made |= {path: _workflow(_own(path), program) for path in (WATCHDOG, SYNC)}
    return made


def pull_text(services: tuple[str, ...], new: Mapping[str, str], kept: tuple[str, ...]) -> str:
    """The pull request's body: what each file is for, what may happen, and how it is taken back."""
    told = {path: MEANS[path] for path in new}
    return _TEMPLATES.get_template("pull.md").render(services=services, files=told, kept=kept)


def environment(**values: str) -> str:
    """The text of the file that the fleet on this host is started with. It holds no secret."""
    return _TEMPLATES.get_template("fleet.env").render(values)


def _own(path: str) -> str:
    return (REPOSITORY_ROOT / path).read_text(encoding="utf-8")


def _form(services: tuple[str, ...]) -> str:
    """Our form with these services to choose from."""
    before, options, rest = _own(FORM).partition("      options:\n")
    _, validations, after = rest.partition("    validations:\n")
    rows = "".join(f"        - {name}\n" for name in (*services, "the fleet itself", "I do not know"))
    return f"{before}{options}{rows}{validations}{after}"


def _workflow(text: str, program: Program) -> str:
    """Our workflow, with the program fetched from where it is. Raises ValueError when ours has changed its form."""
    if text.count(_HERE) != 1:
        raise ValueError("the workflow does not fetch its commit as expected")
    there = f'"$GITHUB_SERVER_URL/{program.repo}.git" "{program.sha}"'
    return text.replace(_HERE, there).replace(_ON, "")
