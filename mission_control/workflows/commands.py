"""The commands that GitHub's workflows call (.github/workflows, docs/github.md): `labels`, `watchdog`, `escalate`,
`verify-comment`."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from mission_control.terminal.complete import open_numbers
from mission_control.terminal.options import AsJson, State, settings_of
from mission_control.terminal.pens import Wait, Within, speak


def labels(
    sync: Annotated[bool, typer.Option("--sync", help="Change them. Without it: only say what differs.")] = False,
    as_json: AsJson = False,
    as_yaml: Annotated[bool, typer.Option("--yaml", help="Print the catalogue as deploy/labels.yaml has it.")] = False,
    state: State = None,
) -> int:
    """Compare the repository's labels with the fleet's catalogue."""
    from mission_control.workflows import labels as command

    if as_yaml and (sync or as_json):
        raise typer.BadParameter("--yaml goes with nothing else")
    if as_yaml:
        typer.echo(command.as_yaml(), nl=False)
        return 0
    return command.labels(settings_of(state), sync, as_json)


def watchdog(
    after: Annotated[
        float, typer.Option("--after", metavar="MINUTES", min=11, help="Silent for longer than this is silent.")
    ] = 30,
    state: State = None,
) -> int:
    """Open an issue when the fleet is not heard any more, close it when it is heard again."""
    from mission_control.workflows.watchdog import watchdog

    return watchdog(settings_of(state), timedelta(minutes=after))


def escalate(
    number: Annotated[
        int | None, typer.Argument(metavar="[N]", min=1, help="Say /escalate on issue N.", autocompletion=open_numbers)
    ] = None,
    to: Annotated[list[str] | None, typer.Argument(metavar="[TO]", help="jules, copilot, claude or human.")] = None,
    issue: Annotated[list[int] | None, typer.Option("--issue", metavar="N", min=1, help="This issue.")] = None,
    sweep: Annotated[bool, typer.Option("--sweep", help="Every open incident labelled jules-fix.")] = False,
    wait: Wait = True,
    within: Within = 60.0,
    as_json: AsJson = False,
    state: State = None,
) -> int:
    """Hand issue N on: writes the comment /escalate as you. With --issue or --sweep: let Escalation take its step once.

    That step is what a workflow runs on issues labelled jules-fix; exit 1 when something was in the way.
    """
    from mission_control.workflows.escalate import escalate

    if [number is not None, bool(issue), sweep].count(True) != 1:
        raise typer.BadParameter("either N, or --issue N, or --sweep")
    if number is not None:
        return speak(number, "escalate", to, wait, within, as_json, state)
    return escalate(settings_of(state), tuple(issue or ()))


def verify_comment(
    event: Annotated[Path, typer.Argument(metavar="FILE", help="GitHub's event (GITHUB_EVENT_PATH).")],
    state: State = None,
) -> int:
    """Verify a pull request for a person who may write and says /verify on it. Exit 1 when it is not proved."""
    from mission_control.workflows.verify_comment import verify_comment

    return verify_comment(settings_of(state), event)


def register(app: typer.Typer) -> None:
    """Hang the commands in under `app`."""
    for command in (labels, watchdog, escalate, verify_comment):
        app.command()(command)
