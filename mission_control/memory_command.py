"""The command group `memory`: what the fleet knows, and how to take something out of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mission_control.faults import Commands

if TYPE_CHECKING:
    from mission_control.settings import Settings

memory = typer.Typer(
    name="memory",
    cls=Commands,
    help="What the fleet knows: the index in Chroma, made from GitHub.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
State = Annotated[
    Path | None, typer.Option("--state", metavar="DIR", help="State folder (SRE_STATE_DIR, else .sre-space).")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


@memory.command()
def status(as_json: AsJson = False, state: State = None) -> int:
    """What is in the index, and what is missing. Exit 3 when it is not as GitHub says it ought to be."""
    from mission_control.memory_index import status

    return status(_settings(state), as_json)


@memory.command()
def rebuild(state: State = None) -> int:
    """Empty the index and fill it again from GitHub alone, beside a running fleet or without one."""
    from mission_control.memory_index import rebuild

    return rebuild(_settings(state))


@memory.command()
def forget(
    id: Annotated[str, typer.Argument(metavar="ID", help="#42, 42 or incident-42-1.")], state: State = None
) -> int:
    """Take an incident out of the index, and keep it out: its issue is labelled sre:forget."""
    from mission_control.memory_index import forget

    return forget(_settings(state), id)


@memory.command()
def similar(
    what: Annotated[str, typer.Argument(metavar="TEXT|N", help="Words, or the number of an incident.")],
    service: Annotated[str, typer.Option("--service", metavar="NAME", help="The service it is about.")] = "",
    kind: Annotated[
        Literal["incident", "runbook", "doc", "code"] | None, typer.Option("--kind", help="Only of this kind.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, max=50, help="So many at most.")] = 10,
    as_json: AsJson = False,
    state: State = None,
) -> int:
    """What is alike, the best first, with where it comes from and what came of it."""
    from mission_control.memory_index import Question, similar

    question = Question(what, service, (kind,), limit) if kind else Question(what, service, limit=limit)
    return similar(_settings(state), question, as_json)


def _settings(state: Path | None) -> Settings:
    from mission_control.settings import read_settings

    overrides: dict[str, Any] = {"state_dir": state} if state else {}
    return read_settings(**overrides)
