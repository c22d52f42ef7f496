"""All commands in the order of `--help`. Each loads what it needs when it is called, so that `--help` answers at once.

How they end: mission_control/exits.py. What `--json` prints: mission_control/terminal/shapes.py.
"""

import json
from typing import Annotated

import typer

from mission_control.memory.command import memory
from mission_control.rca.command import register
from mission_control.terminal import commands as people
from mission_control.terminal.completion import ready
from mission_control.terminal.faults import Commands
from mission_control.terminal.options import AsJson
from mission_control.terminal.pens import WithWords
from mission_control.workflows.commands import register as register_workflows
from mission_control.world import commands as world

app = typer.Typer(
    name="mission-control",
    cls=WithWords,
    help="SRE-Space: a fleet of small workers that heals incidents, with a GitHub repository as its control plane.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def main() -> None:
    """Run the command line and exit with its code."""
    ready()
    app(prog_name="mission-control")


for command in (
    world.up, world.down,
    people.status, people.incidents, people.watch, people.completion,
    world.run,
    people.freeze, people.unfreeze, people.dashboard, people.doctor, people.verify, people.explain, people.replay,
    people.trust, people.report,
    world.init, world.verify_jules_pr,
    world.keys, world.seed, world.deploy,
):  # fmt: skip
    app.command()(command)

config = typer.Typer(name="config", cls=Commands, help="The settings.", no_args_is_help=True, rich_markup_mode=None)
config.command("show")(people.config_show)
app.add_typer(config)
register_workflows(app)
app.add_typer(memory)
app.command()(world.demo)


@app.command(context_settings=_PASS_ON)
def test(context: typer.Context) -> int:
    """Run the tests that need no Docker; --real: those that do; --long: those of minutes; arguments go to pytest."""
    from mission_control.development import test

    return test(context.args)


@app.command()
def check() -> int:
    """Run ruff, mypy and import-linter."""
    from mission_control.development import check

    return check()


bench = typer.Typer(
    name="bench", cls=Commands, help="Measurements, printed with their conditions.", no_args_is_help=True
)
app.add_typer(bench)
register(app, bench)


@bench.command("memory")
def bench_memory(
    sizes: Annotated[str, typer.Option(help="Numbers of incidents to measure the time with.")] = "100,1000,10000",
    misses: Annotated[bool, typer.Option("--misses", help="Say which queries are not answered first.")] = False,
    as_json: AsJson = False,
) -> int:
    """Measure how past incidents are found by other people's words, BM25 and TF-IDF beside it."""
    try:
        from bench.memory import SETS, report, run

        found = run(SETS, [int(size) for size in sizes.split(",") if size])
    except (ValueError, OSError, ModuleNotFoundError) as failure:
        typer.echo(f"bench memory: {failure}", err=True)
        return 2
    typer.echo(json.dumps(found) if as_json else report(found, misses=misses))
    return 0 if found["met"] else 1
