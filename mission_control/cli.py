"""The commands. Each loads what it needs when it is called, so that `--help` answers at once.

Exit codes: 0 ok, 1 error, 2 usage or settings, 3 degraded.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mission_control.faults import Commands
from mission_control.memory_command import memory
from mission_control.rca import register
from mission_control.workflows import register as register_workflows

if TYPE_CHECKING:
    from mission_control.settings import Settings

app = typer.Typer(
    name="mission-control",
    cls=Commands,
    help="SRE-Space: a fleet of small workers that heals incidents, with a GitHub repository as its control plane.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}

State = Annotated[
    Path | None, typer.Option("--state", metavar="DIR", help="State folder (SRE_STATE_DIR, else .sre-space).")
]
PortBase = Annotated[
    int | None,
    typer.Option("--port-base", metavar="N", min=1, max=65500, help="Take consecutive ports from N on."),
]
Plain = Annotated[bool, typer.Option("--plain", "--no-tty", help="Plain lines, no live table.")]
Fleet = Annotated[bool, typer.Option("--fleet/--no-fleet", help="With or without the agents.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Number = Annotated[int, typer.Argument(metavar="N", min=1, help="The issue's number.")]


def main() -> None:
    """Run the command line and exit with its code."""
    app(prog_name="mission-control")


def _settings(state: Path | None) -> Settings:
    from mission_control.settings import read_settings

    overrides: dict[str, Any] = {"state_dir": state} if state else {}
    return read_settings(**overrides)


@app.command()
def up(state: State = None, port_base: PortBase = None, plain: Plain = False, fleet: Fleet = True) -> int:
    """Start the marketplace, the fleet and what they need; Ctrl-C stops all of it."""
    from mission_control.up import up
    from mission_control.world import Wish

    return up(_settings(state), Wish(port_base, fleet), plain)


@app.command()
def down(state: State = None) -> int:
    """Stop a running `up` and whatever is left of one."""
    from mission_control.down import down

    return down(_settings(state))


@app.command()
def status(state: State = None, as_json: AsJson = False) -> int:
    """What runs, and what is open. Exit 3 when something is missing."""
    from mission_control.status import status

    return status(_settings(state), as_json)


@app.command()
def run(agent: Annotated[str, typer.Argument(metavar="AGENT", help="scout, brain, guardrail, …")]) -> int:
    """Run one agent in this process until SIGTERM, with settings from the environment."""
    from mission_control.run import run

    return run(agent)


@app.command()
def freeze(
    why: Annotated[str, typer.Option("--why", help="The reason, for those who read the issue.")] = "",
    state: State = None,
) -> int:
    """Stop every action of the fleet: opens an issue labelled sre:freeze."""
    from mission_control.freeze import freeze

    return freeze(_settings(state), why)


@app.command()
def unfreeze(state: State = None) -> int:
    """Let the fleet act again: closes every issue labelled sre:freeze."""
    from mission_control.freeze import unfreeze

    return unfreeze(_settings(state))


@app.command()
def doctor(
    state: State = None,
    as_json: AsJson = False,
    fix: Annotated[bool, typer.Option("--fix", help="Make Kafka's topics, with partitions to share.")] = False,
) -> int:
    """Look for what is wrong here, and say how to mend it. Exit 3 when something is."""
    from mission_control.doctor import doctor

    return doctor(_settings(state), as_json, fix)


@app.command()
def verify(number: Number, as_json: AsJson = False, state: State = None) -> int:
    """Check the log of issue N from its comments alone: signatures, chain, table. Exit 1 when anything is refused."""
    from mission_control.verify import verify

    return verify(_settings(state), number, as_json)


@app.command()
def explain(number: Number, state: State = None) -> int:
    """Tell the story of issue N from its facts: what was seen, concluded, allowed, done and measured."""
    from mission_control.explain import explain

    return explain(_settings(state), number)


@app.command()
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
    return replay_again(_settings(state), Wish(number, case, policy, cases, export, renew, as_json))


@app.command()
def trust(
    state: State = None,
    as_json: AsJson = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="The table of deploy/README.md.")] = False,
) -> int:
    """What each action has earned: how often it helped, did not, was taken back; and who decides about it now."""
    from mission_control.ladder import trust

    return trust(_settings(state), as_json, markdown)


@app.command()
def report(
    window: Annotated[str, typer.Option("--window", metavar="TIME", help="How far back.")] = "30d",
    state: State = None,
    as_json: AsJson = False,
) -> int:
    """MTTD, MTTA, MTTR and what was done, by service, over the incidents that were closed."""
    from mission_control.ladder import report
    from mission_control.settings import duration

    try:
        back = duration(window)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--window") from error
    return report(_settings(state), back, as_json)


@app.command("verify-jules-pr")
def verify_jules_pr(
    pull: Annotated[
        int | None, typer.Argument(metavar="[PR]", min=1, help="Default: the newest open one by Jules.")
    ] = None,
    status: Annotated[bool, typer.Option(help="Post each check as a commit status.")] = True,
    as_json: AsJson = False,
    state: State = None,
) -> int:
    """Prove a pull request against its incident: red before, green after, quiet without the fault. Exit 0 if proved."""
    from mission_control.verify_pull import verify_jules_pr

    return verify_jules_pr(_settings(state), pull, as_json, status)


@app.command()
def keys(
    fleet: Annotated[Path, typer.Option("--fleet", metavar="DIR", help="Folder of the keyring and made settings.")],
    accounts: Annotated[Path, typer.Option("--accounts", metavar="FILE", help="The forge's accounts.")],
    token: Annotated[Path, typer.Option("--alert-token", metavar="FILE", help="What Alertmanager shows to Scout.")],
    forge: Annotated[str, typer.Option("--forge", metavar="URL", help="The forge, as workers reach it.")],
) -> int:
    """Make what workers in containers need to know, each key in a folder of its own (see docker-compose.yml)."""
    from mission_control.containers import Places, make_for_containers

    return make_for_containers(_settings(None), Places(fleet, accounts, token), forge)


@app.command()
def seed(
    faults: Annotated[Path, typer.Option("--faults", metavar="DIR", help="Folder that the patients watch.")],
    site: Annotated[str, typer.Option("--site", metavar="URL", help="The forge, as people reach it.")],
    traces: Annotated[str, typer.Option("--traces", metavar="URL", help="Jaeger, as people reach it.")],
    marketplace: Annotated[str, typer.Option("--marketplace", metavar="URL", help="The shop, as people reach it.")],
    within: Annotated[float, typer.Option("--within", metavar="SECONDS", help="How long GitHub may take.")] = 60.0,
) -> int:
    """Make the control plane's labels and first files, and leave word for trigger_chaos.py (see docker-compose.yml)."""
    from mission_control.containers import SeenByPeople, seed_for_containers

    return seed_for_containers(_settings(None), SeenByPeople(site, traces, marketplace), faults, within)


@app.command()
def deploy(
    ref: Annotated[
        str | None, typer.Option("--ref", metavar="SHA", help="This commit, not the default branch's head.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Once, which is the default.")] = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="Every new head of the default branch, until stopped.")
    ] = False,
    compose: Annotated[
        bool, typer.Option("--compose", help="To containers of docker compose on this host, not to `up`'s.")
    ] = False,
    state: State = None,
    as_json: AsJson = False,
) -> int:
    """Make the marketplace run what the repository says, and report on the commit. Exit 0 when that is healthy."""
    from mission_control.deployer.command import Order, deploy

    if follow and (once or ref):
        raise typer.BadParameter("--follow goes with neither --once nor --ref")
    return deploy(_settings(state), Order(ref, follow, compose, as_json))


register_workflows(app)
app.add_typer(memory)


@app.command()
def demo(
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write what was seen there.")] = None,
    tier3: Annotated[
        bool, typer.Option("--tier3", help="Besides, an OOM that returns until an agent's patch ends it.")
    ] = False,
    state: State = None,
) -> int:
    """Break the marketplace four ways, and show what the fleet makes of it. Exit 0 only if all healed."""
    from mission_control.demo import demo

    return demo(_settings(state), state is not None, json_file, tier3)


@app.command(context_settings=_PASS_ON)
def test(context: typer.Context) -> int:
    """Run the tests that need neither Docker nor accounts, or with --real those that do; arguments go to pytest."""
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
