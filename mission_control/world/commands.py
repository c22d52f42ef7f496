"""The commands that make or run something: the world, one agent, a deploy, a proof, the demonstration.

Annotations are as in terminal/commands.py.
"""

from pathlib import Path
from typing import Annotated

import typer

from mission_control.terminal import complete
from mission_control.terminal.options import AsJson, Plain, State, settings_of

PortBase = Annotated[
    int | None,
    typer.Option("--port-base", metavar="N", min=1, max=65500, help="Take consecutive ports from N on."),
]
Fleet = Annotated[bool, typer.Option("--fleet/--no-fleet", help="With or without the agents.")]


def up(state: State = None, port_base: PortBase = None, plain: Plain = False, fleet: Fleet = True) -> int:
    """Start the marketplace, the fleet and what they need; Ctrl-C stops all of it."""
    from mission_control.world.build import Wish
    from mission_control.world.up import up

    return up(settings_of(state), Wish(port_base, fleet), plain)


def down(state: State = None) -> int:
    """Stop a running `up` and whatever is left of one."""
    from mission_control.world.down import down

    return down(settings_of(state))


def run(
    agent: Annotated[
        str, typer.Argument(metavar="AGENT", help="scout, brain, guardrail, …", autocompletion=complete.agents)
    ],
) -> int:
    """Run one agent in this process until SIGTERM, with settings from the environment."""
    from mission_control.fleet.run import run

    return run(agent)


def keys(
    fleet: Annotated[Path, typer.Option("--fleet", metavar="DIR", help="Folder of the keyring and made settings.")],
    accounts: Annotated[Path, typer.Option("--accounts", metavar="FILE", help="The forge's accounts.")],
    token: Annotated[Path, typer.Option("--alert-token", metavar="FILE", help="What Alertmanager shows to Scout.")],
    forge: Annotated[str, typer.Option("--forge", metavar="URL", help="The forge, as workers reach it.")],
    site: Annotated[
        str | None, typer.Option("--site", metavar="URL", help="The forge, as people reach it, where that differs.")
    ] = None,
) -> int:
    """Make what workers in containers need to know, each key in a folder of its own (see docker-compose.yml)."""
    from mission_control.world.containers import Places, make_for_containers

    return make_for_containers(settings_of(None), Places(fleet, accounts, token), forge, site or forge)


def seed(
    faults: Annotated[Path, typer.Option("--faults", metavar="DIR", help="Folder that the patients watch.")],
    site: Annotated[str, typer.Option("--site", metavar="URL", help="The forge, as people reach it.")],
    traces: Annotated[str, typer.Option("--traces", metavar="URL", help="Jaeger, as people reach it.")],
    marketplace: Annotated[str, typer.Option("--marketplace", metavar="URL", help="The shop, as people reach it.")],
    within: Annotated[float, typer.Option("--within", metavar="SECONDS", help="How long GitHub may take.")] = 60.0,
) -> int:
    """Make the control plane's labels and first files, and leave word for trigger_chaos.py (see docker-compose.yml)."""
    from mission_control.world.containers import SeenByPeople, seed_for_containers

    return seed_for_containers(settings_of(None), SeenByPeople(site, traces, marketplace), faults, within)


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
    return deploy(settings_of(state), Order(ref, follow, compose, as_json))


def init(
    repo: Annotated[
        str | None, typer.Option("--repo", metavar="OWNER/NAME", help="Your repository (GITHUB_REPOSITORY).")
    ] = None,
    service: Annotated[
        list[str] | None, typer.Option("--service", metavar="NAME", help="A container to look after; again for more.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--source", metavar="OWNER/NAME", help="A copy of SRE-Space there: workflows fetch it."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Open the pull request without asking.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be in it.")] = False,
    state: State = None,
    as_json: AsJson = False,
) -> int:
    """Bring your own repository and services under watch, as one pull request; nothing acts without your /approve."""
    from mission_control.init.command import Answers, init

    settings = settings_of(state, **({"github_repository": repo} if repo else {}))
    return init(settings, Answers(tuple(dict.fromkeys(service or ())), source, yes, dry_run, as_json))


def verify_jules_pr(
    pull: Annotated[
        int | None, typer.Argument(metavar="[PR]", min=1, help="Default: the newest open one by Jules.")
    ] = None,
    status: Annotated[bool, typer.Option(help="Post each check as a commit status.")] = True,
    as_json: AsJson = False,
    state: State = None,
) -> int:
    """Prove a pull request against its incident: red before, green after, quiet without the fault. Exit 0 if proved."""
    from mission_control.workflows.verify_pull import verify_jules_pr

    return verify_jules_pr(settings_of(state), pull, as_json, status)


def demo(
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write what was seen there.")] = None,
    tier3: Annotated[
        bool, typer.Option("--tier3", help="Besides, an OOM that returns until an agent's patch ends it.")
    ] = False,
    state: State = None,
) -> int:
    """Break the marketplace four ways, and show what the fleet makes of it. Exit 0 only if all healed."""
    from mission_control.demo.command import demo

    return demo(settings_of(state), state is not None, json_file, tier3)
