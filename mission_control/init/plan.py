"""What `init` is about to do, and what a person reads of it: pure. What GitHub says of itself is not obeyed there."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mission_control.github import pages
from mission_control.init.files import environment
from mission_control.settings import Settings
from mission_control.terminal.printable import printable
from shared.source import Pull

SOCKET: Final = Path("/var/run/docker.sock")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is about to be done."""

    repo: str
    account: str
    services: tuple[str, ...]
    new: dict[str, str]
    kept: tuple[str, ...]
    base: str
    default_branch: str
    folder: Path

    @property
    def policy(self) -> Path:
        return self.folder / "policy.yaml"

    @property
    def env(self) -> Path:
        return self.folder / "fleet.env"


def shown(plan: Plan) -> str:
    """What a person reads before saying yes."""
    lines = [f"{plan.repo} as {plan.account}, services: {', '.join(plan.services)}"]
    lines += [f"  new   {path} ({text.count(chr(10))} lines)" for path, text in plan.new.items()]
    lines += [f"  kept  {path}, it is there" for path in plan.kept]
    lines.append(f"  keys  {plan.folder / 'keys'} (private, mode 0600, never sent)")
    return "".join(f"{printable(line)}\n" for line in lines)


def env_text(plan: Plan, settings: Settings) -> str:
    """The file that the fleet is started with: a shell reads it, so each value is one word of it, whatever is in it."""
    return environment(
        file=shlex.quote(str(plan.env)),
        account=printable(plan.account),
        repo=shlex.quote(plan.repo),
        api=shlex.quote(settings.github_api_url),
        state=shlex.quote(str(plan.folder)),
        policy=shlex.quote(str(plan.policy)),
        docker=shlex.quote(settings.docker_host or f"unix://{SOCKET}"),
    )


def steps(plan: Plan, pull: Pull | None, settings: Settings) -> str:
    """What a person does next."""
    first = f"review and merge {pull.link}" if pull is not None else "nothing is missing in the repository"
    site = pages(settings.github_api_url, settings.github_server_url)
    told = (
        first,
        "label each of these containers sre-space.managed=true and sre-space.health-url=http://…/healthz",
        f"set -a; . {shlex.quote(str(plan.env))}; set +a; ./mission-control.sh doctor && ./mission-control.sh up",
        f"watch {site}/{plan.repo}/issues: each incident waits for your /approve",
        "after a day: ./mission-control.sh report --would",
    )
    return "\nNext\n" + "".join(f"  {n}. {printable(step)}\n" for n, step in enumerate(told, 1))
