"""The command group `memory`: what the fleet knows, and how to take something out of it."""

from typing import Annotated, Literal

import typer

from mission_control.terminal.faults import Commands
from mission_control.terminal.options import AsJson, State, settings_of

memory = typer.Typer(
    name="memory",
    cls=Commands,
    help="What the fleet knows: the index in Chroma, made from GitHub.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@memory.command()
def status(as_json: AsJson = False, state: State = None) -> int:
    """What is in the index, and what is missing. Exit 3 when it is not as GitHub says it ought to be."""
    from mission_control.memory.index import status

    return status(settings_of(state), as_json)


@memory.command()
def rebuild(state: State = None) -> int:
    """Empty the index and fill it again from GitHub alone, beside a running fleet or without one."""
    from mission_control.memory.index import rebuild

    return rebuild(settings_of(state))


@memory.command()
def forget(
    id: Annotated[str, typer.Argument(metavar="ID", help="#42, 42 or incident-42-1.")], state: State = None
) -> int:
    """Take an incident out of the index, and keep it out: its issue is labelled sre:forget."""
    from mission_control.memory.index import forget

    return forget(settings_of(state), id)


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
    from mission_control.memory.index import Question, similar

    question = Question(what, service, (kind,), limit) if kind else Question(what, service, limit=limit)
    return similar(settings_of(state), question, as_json)
