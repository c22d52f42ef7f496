"""The Tier-3 backends that the settings allow, in their order."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from mission_control.fleet.kit import Kit
from mission_control.github import pages
from shared.ports import Backend, Sandbox
from shared.proof import Trees
from shared.source import Source


def backends(kit: Kit, sandbox: Sandbox, trees: Trees, source: Source) -> dict[str, Backend]:
    """By name, the first to be asked first. Raises Permanent for settings that cannot be meant."""
    made: dict[str, Backend] = {}
    for name in kit.settings.tier3_order:
        match name:
            case "jules":
                made[name] = _jules(kit)
            case "copilot":
                from agents.escalation.backends.copilot import Copilot

                address = kit.github.wire.address
                made[name] = Copilot(address.api_url, address.token, address.repo)
            case "claude":
                from agents.escalation.backends.claude import Claude

                address = kit.github.wire.address
                made[name] = Claude(address.api_url, address.token, address.repo, kit.clock)
            case "command":
                made[name] = _command(kit, sandbox, trees, source)
            case "human":
                from agents.escalation.backends.human import Human

                address = kit.github.wire.address
                made[name] = Human(pages(address.api_url, kit.settings.github_server_url), address.repo)
    return made


def _jules(kit: Kit) -> Backend:
    from agents.escalation.backends.intents import Intents
    from agents.escalation.backends.jules import Jules

    settings = kit.settings
    key = settings.jules_key.get_secret_value() if settings.jules_key else ""
    intents = Intents(settings.state_dir / "tier3")
    return Jules(key, kit.github.wire.address.repo, intents, kit.clock, settings.jules_url)


def _command(kit: Kit, sandbox: Sandbox, trees: Trees, source: Source) -> Backend:
    from agents.escalation.backends.command import Command
    from agents.escalation.backends.workshop import Copy, SandboxWorkshop

    @contextmanager
    def checkout(repo: str, branch: str) -> Iterator[Copy]:
        del repo, branch  # sessions begin from the default branch of this very repository
        sha = source.head()
        with trees.tree(sha) as folder:
            yield Copy(sha, folder)

    argv = tuple(shlex.split(kit.settings.tier3_command or ""))
    return Command(argv, SandboxWorkshop(sandbox, checkout), kit.settings.state_dir / "tier3-command")


def closing(stack: ExitStack, made: dict[str, Backend]) -> None:
    """Close what the backends hold open when `stack` ends."""
    for backend in made.values():
        close = getattr(backend, "close", None)
        if callable(close):
            stack.callback(close)
