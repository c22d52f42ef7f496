"""The commands for who looks at the fleet and speaks to it; what each does is in the file of its name here.

Typer reads the annotations when it runs, so in modules of commands they are no strings (no `annotations` from the
future): that is a third of the time that it takes to build all commands. What a command needs it loads when called.
"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from mission_control.terminal import complete
from mission_control.terminal.completion import Shell
from mission_control.terminal.options import AsJson, Number, Plain, State, back, settings_of


def status(state: State = None, as_json: AsJson = False) -> int:
    """What runs, and what is open. Exit 3 when something is missing."""
    from mission_control.terminal.status import status

    return status(settings_of(state), as_json)


def incidents(
    closed: Annotated[bool, typer.Option("--closed", help="Closed ones, not open ones.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Open and closed ones.")] = False,
    service: Annotated[
        str | None, typer.Option("--service", metavar="S", help="Of one service.", autocompletion=complete.services)
    ] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="24h", help="Opened within this time.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Exit 6 when one of them waits for approval.")] = False,
    as_json: AsJson = False,
    state: State = None,
) -> int:
    """List incidents, newest first."""
    from mission_control.terminal.incidents import Wanted, incidents

    if closed and every:
        raise typer.BadParameter("--closed goes not with --all")
    which: Literal["open", "closed", "all"] = "all" if every else "closed" if closed else "open"
    return incidents(settings_of(state), Wanted(which, service, back(since, "--since")), as_json, check)


def watch(
    number: Annotated[
        int | None,
        typer.Argument(metavar="[N]", min=1, help="One issue, until closed.", autocompletion=complete.open_numbers),
    ] = None,
    plain: Plain = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document a line.")] = False,
    state: State = None,
) -> int:
    """Follow every open incident, or issue N with its facts as they come. Ctrl-C ends it."""
    try:
        from mission_control.terminal.watch import watch

        return watch(settings_of(state), number, plain, as_json)
    except KeyboardInterrupt:  # also while it is being loaded
        return 0


def completion(shell: Annotated[Shell, typer.Argument(help="bash, zsh or fish.")]) -> int:
    """Print what makes a shell complete this command: eval "$(./mission-control.sh completion bash)"."""
    from mission_control.terminal.completion import script

    typer.echo(script(shell), nl=False)
    return 0


def freeze(
    why: Annotated[str, typer.Option("--why", help="The reason, for those who read the issue.")] = "",
    as_json: AsJson = False,
    state: State = None,
) -> int:
    """Stop every action of the fleet: opens an issue labelled sre:freeze."""
    from mission_control.terminal.freeze import freeze

    return freeze(settings_of(state), why, as_json)


def unfreeze(as_json: AsJson = False, state: State = None) -> int:
    """Let the fleet act again: closes the issues made to freeze it, takes the label sre:freeze off all others."""
    from mission_control.terminal.freeze import unfreeze

    return unfreeze(settings_of(state), as_json)


def dashboard(state: State = None, as_json: AsJson = False) -> int:
    """Where the dashboard is; in the embedded world a link that signs the operator in."""
    from mission_control.dashboard.link import dashboard

    return dashboard(settings_of(state), as_json)


def doctor(
    state: State = None,
    as_json: AsJson = False,
    fix: Annotated[
        bool, typer.Option("--fix", help="First mend what is safe: file modes, labels, Kafka's topics.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only what is not as it should be.")] = False,
) -> int:
    """Look for what is wrong here, and say how to mend it. Exit 3 when something is."""
    from mission_control.doctor.command import doctor

    return doctor(settings_of(state), as_json, fix, verbose=not quiet)


def verify(number: Number, as_json: AsJson = False, state: State = None) -> int:
    """Check the log of issue N from its comments alone: signatures, chain, table. Exit 1 when anything is refused."""
    from mission_control.terminal.verify import verify

    return verify(settings_of(state), number, as_json)


def explain(number: Number, as_json: AsJson = False, state: State = None) -> int:
    """Tell the story of issue N from its facts: what was seen, concluded, allowed, done and measured."""
    from mission_control.terminal.explain import explain

    return explain(settings_of(state), number, as_json)


def replay(
    number: Annotated[int | None, typer.Argument(metavar="[N]", min=1, help="The issue's number.")] = None,
    case: Annotated[Path | None, typer.Option("--case", metavar="FILE", help="An exported case, not an issue.")] = None,
    policy: Annotated[
        Path | None, typer.Option("--policy", metavar="FILE", help="Decide by this policy, and show what differs.")
    ] = None,
    export: Annotated[
        Path | None, typer.Option("--export", metavar="FILE", help="Write all of it to one file, as a regression case.")
    ] = None,
    cases: Annotated[
        Path | None, typer.Option("--cases", metavar="DIR", help="Brain's frozen cases (STATE/cases).")
    ] = None,
    renew: Annotated[
        bool, typer.Option("--renew", help="With --case: accept there what differs, for a change made on purpose.")
    ] = False,
    as_json: AsJson = False,
    state: State = None,
) -> int:
    """Make the decisions of issue N again, offline. Exit 0 the same, 1 different, 3 not all can be made again."""
    from mission_control.replay.command import Wish, replay_again

    if (number is None) == (case is None):
        raise typer.BadParameter("replay needs either the number of an issue or --case FILE")
    if renew and (case is None or policy is not None):
        raise typer.BadParameter("--renew goes with --case, and not with --policy")
    return replay_again(settings_of(state), Wish(number, case, policy, cases, export, renew, as_json))


def trust(
    state: State = None,
    as_json: AsJson = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="The table of deploy/README.md.")] = False,
) -> int:
    """What each action has earned: how often it helped, did not, was taken back; and who decides about it now."""
    from mission_control.terminal.ladder import trust

    return trust(settings_of(state), as_json, markdown)


def report(
    window: Annotated[str, typer.Option("--window", metavar="TIME", help="How far back.")] = "30d",
    would: Annotated[
        bool, typer.Option("--would", help="Instead: what it would have done, had no person been asked.")
    ] = False,
    state: State = None,
    as_json: AsJson = False,
) -> int:
    """MTTD, MTTA, MTTR and what was done, by service, over the incidents that were closed."""
    from mission_control.terminal import ladder

    return (ladder.would if would else ladder.report)(settings_of(state), back(window, "--window"), as_json)


def config_show(
    origin: Annotated[bool, typer.Option("--origin", help="Where each value came from, and what it means.")] = False,
    as_json: AsJson = False,
    state: State = None,
) -> int:
    """Every setting with its value; secrets as set or not. Exit 3 when the policy cannot be used."""
    from mission_control.terminal.config import Asked, config_show

    return config_show(settings_of(state), Asked(origin, as_json))
