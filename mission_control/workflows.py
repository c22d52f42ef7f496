"""The commands that GitHub's workflows call (.github/workflows, docs/github.md): `labels`, `watchdog`, `escalate`,
`verify-comment`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from mission_control.settings import Settings

State = Annotated[
    Path | None, typer.Option("--state", metavar="DIR", help="State folder (SRE_STATE_DIR, else .sre-space).")
]


def labels(
    sync: Annotated[bool, typer.Option("--sync", help="Change them. Without it: only say what differs.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
    as_yaml: Annotated[bool, typer.Option("--yaml", help="Print the catalogue as deploy/labels.yaml has it.")] = False,
    state: State = None,
) -> int:
    """Compare the repository's labels with the fleet's catalogue."""
    from mission_control import labels as command

    if as_yaml and (sync or as_json):
        raise typer.BadParameter("--yaml goes with nothing else")
    if as_yaml:
        typer.echo(command.as_yaml(), nl=False)
        return 0
    return command.labels(_settings(state), sync, as_json)


def watchdog(
    after: Annotated[
        float, typer.Option("--after", metavar="MINUTES", min=11, help="Silent for longer than this is silent.")
    ] = 30,
    state: State = None,
) -> int:
    """Open an issue when the fleet is not heard any more, close it when it is heard again."""
    from mission_control.watchdog import watchdog

    return watchdog(_settings(state), timedelta(minutes=after))


def escalate(
    issue: Annotated[list[int] | None, typer.Option("--issue", metavar="N", min=1, help="This issue.")] = None,
    sweep: Annotated[bool, typer.Option("--sweep", help="Every open incident labelled jules-fix.")] = False,
    state: State = None,
) -> int:
    """Let Escalation take its step on issues labelled jules-fix, once. Exit 1 when something was in the way."""
    from mission_control.escalate import escalate

    if bool(issue) == sweep:
        raise typer.BadParameter("either --issue N or --sweep")
    return escalate(_settings(state), tuple(issue or ()))


def verify_comment(
    event: Annotated[Path, typer.Argument(metavar="FILE", help="GitHub's event (GITHUB_EVENT_PATH).")],
    state: State = None,
) -> int:
    """Verify a pull request for a person who may write and says /verify on it. Exit 1 when it is not proved."""
    from mission_control.verify_comment import verify_comment

    return verify_comment(_settings(state), event)


def register(app: typer.Typer) -> None:
    """Hang the commands in under `app`."""
    for command in (labels, watchdog, escalate, verify_comment):
        app.command()(command)


def _settings(state: Path | None) -> Settings:
    from mission_control.settings import read_settings

    overrides: dict[str, Any] = {"state_dir": state} if state else {}
    return read_settings(**overrides)
